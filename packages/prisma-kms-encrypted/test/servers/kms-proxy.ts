/** Stands between a client and a real KMS server: counts what passes, and can hold it back or slow it down. */
import { once } from 'node:events'
import { Agent, createServer, request as sendRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A request that passed. */
export interface PassedRequest {
  /** `Decrypt` (AWS), or `POST transit/decrypt/app` (Vault). */
  readonly operation: string
  /** As it was sent. */
  readonly body: string
}

/** A proxy in front of one server. */
export interface KmsProxy {
  readonly url: string
  /** What was asked, oldest first. */
  readonly requests: readonly PassedRequest[]
  /** Requests under way at the same time, at most. */
  readonly peak: number
  /** Milliseconds for which each request is kept before it is passed on. */
  delayMs: number
  /** Requests are kept until so many are under way at once; from then on all pass. */
  holdUntil: number
  /** Forgets what passed. */
  reset(): void
  stop(): Promise<void>
}

/** Starts a proxy in front of the server at `target`. */
export async function startKmsProxy(target: string): Promise<KmsProxy> {
  const { hostname, port } = new URL(target)
  const agent = new Agent({ keepAlive: true })
  let requests: PassedRequest[] = []
  let underWay = 0
  let peak = 0
  let holdUntil = 0
  let release: () => void = () => undefined
  let released = Promise.resolve()

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    underWay += 1
    peak = Math.max(peak, underWay)
    outgoing.once('close', () => {
      underWay -= 1
    })
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    requests.push({ operation: nameOf(incoming), body: body.toString() })
    if (underWay >= holdUntil) release()
    await released
    if (proxy.delayMs > 0) await sleep(proxy.delayMs)
    const { method, url: path, headers } = incoming
    const passedOn = sendRequest({ hostname, port, method, path, headers, agent })
    passedOn.end(body)
    const [answer] = (await once(passedOn, 'response')) as [IncomingMessage]
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  }
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const proxy: KmsProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // it listens on TCP
    get requests() {
      return requests
    },
    get peak() {
      return peak
    },
    delayMs: 0,
    get holdUntil() {
      return holdUntil
    },
    set holdUntil(underWayAtOnce) {
      holdUntil = underWayAtOnce
      released = new Promise((resolve) => {
        release = resolve
      })
      if (underWayAtOnce === 0) release()
    },
    reset() {
      requests = []
      peak = 0
    },
    async stop() {
      release()
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

/** How often each operation passed. */
export function countOperations(requests: readonly PassedRequest[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { operation } of requests) counts[operation] = (counts[operation] ?? 0) + 1
  return counts
}

function nameOf({ method, url, headers }: IncomingMessage): string {
  const target = headers['x-amz-target']
  if (typeof target === 'string') return target.replace('TrentService.', '')
  return `${method ?? ''} ${(url ?? '').replace('/v1/', '')}`
}
