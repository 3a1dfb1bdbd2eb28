/** An HTTP server in front of a key service that throttles and breaks some of the requests on their way. */
import { once } from 'node:events'
import { Agent, createServer, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to a request: passed on, throttled, or its connection broken before or after the service has acted. */
export type Fate = 'pass' | 'throttle' | 'reset before' | 'reset after'

export interface FaultProxy {
  readonly url: string
  /** Requests by what happened to them. */
  readonly counts: Readonly<Record<Fate, number>>
  /** Decides the fate of each request. */
  decide: () => Fate
  stop(): Promise<void>
}

/** Starts a proxy in front of `target`; AWS's own throttling answer (HTTP 400). */
export async function startFaultProxy(target: string, decide: () => Fate): Promise<FaultProxy> {
  const counts: Record<Fate, number> = { pass: 0, throttle: 0, 'reset before': 0, 'reset after': 0 }
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const server = createServer((incoming, outgoing) => {
    const fate = proxy.decide()
    counts[fate] += 1
    if (fate === 'reset before') {
      incoming.socket.resetAndDestroy()
      return
    }
    if (fate === 'throttle') {
      incoming.resume()
      outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
      outgoing.end(JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }))
      return
    }
    const { method, url, headers } = incoming
    const passed = sendRequest(new URL(url ?? '/', target), { method, headers, agent }, (answer) => {
      if (fate === 'reset after') {
        answer.resume()
        incoming.socket.resetAndDestroy()
        return
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  server.keepAliveTimeout = 60_000 // only the faults that were asked for
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on TCP
    counts,
    decide,
    async stop() {
      server.closeAllConnections()
      server.close()
      agent.destroy()
      await once(server, 'close')
    },
  }
  return proxy
}
