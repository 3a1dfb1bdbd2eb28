/** What a worker tells the process that started it. */
export type Report =
  /** The name under which it locks jobs. */
  | { readonly kind: 'started'; readonly workerId: string }
  /** Rows rotated so far in a job. */
  | { readonly kind: 'progress'; readonly job: string; readonly done: number }
  /** A whole range was rotated. */
  | { readonly kind: 'range'; readonly done: number }
