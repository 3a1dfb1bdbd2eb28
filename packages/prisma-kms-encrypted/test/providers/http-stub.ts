/** A small HTTP server whose every answer the test decides, broken ones included. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface StubRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The parsed JSON body; `{}` without one. */
  readonly body: Record<string, unknown>
}

/** `reset` breaks the connection; a string is sent as it is; otherwise JSON. */
export type StubAnswer =
  | 'reset'
  | { readonly status?: number; readonly json?: unknown; readonly text?: string; readonly afterMs?: number }

export interface HttpStub {
  readonly url: string
  readonly requests: readonly StubRequest[]
  /** Requests under way at the same time, at most. */
  readonly peak: number
  answer: (request: StubRequest) => StubAnswer
  /** Connections that are open. */
  connections(): Promise<number>
  stop(): Promise<void>
}

export async function startHttpStub(answer: HttpStub['answer']): Promise<HttpStub> {
  const requests: StubRequest[] = []
  const stopped = new AbortController()
  let underWay = 0
  let peak = 0
  const server = createServer((incoming, outgoing) => {
    const respond = async (): Promise<void> => {
      underWay += 1
      peak = Math.max(peak, underWay)
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const request: StubRequest = {
        method: incoming.method ?? '',
        path: incoming.url ?? '',
        headers: incoming.headers,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
      }
      requests.push(request)
      const made = stub.answer(request)
      if (made === 'reset') {
        incoming.socket.destroy()
        return
      }
      if (made.afterMs !== undefined) await sleep(made.afterMs, undefined, { signal: stopped.signal })
      outgoing.writeHead(made.status ?? 200, { 'content-type': 'application/json' })
      outgoing.end(made.text ?? JSON.stringify(made.json ?? {}))
    }
    respond()
      .catch(() => outgoing.destroy())
      .finally(() => {
        underWay -= 1
      })
  })
  server.keepAliveTimeout = 60_000 // a socket that the server closes while a request is on its way is another fault
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  const stub: HttpStub = {
    url: `http://127.0.0.1:${port}`,
    requests,
    get peak() {
      return peak
    },
    answer,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error === null) resolve(count)
          else reject(error)
        })
      }),
    stop: async () => {
      stopped.abort()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return stub
}
