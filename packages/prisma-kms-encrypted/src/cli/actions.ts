/** Connects each command of the program with what it does: loads the configuration and the client where they are needed. */
import { encryptAll } from '../rotation/encrypt-all.js'
import { rotateAll } from '../rotation/rotate-all.js'
import { runContextHash } from './commands/context-hash.js'
import { runDoctor } from './commands/doctor.js'
import { runCreateIndexKey, runRotateIndexKey } from './commands/index-key.js'
import { runOpen } from './commands/open.js'
import { runRows } from './commands/run-rows.js'
import { runStatus } from './commands/status.js'
import type { ExitCode } from './exit-codes.js'
import { findConfig, loadConfig } from './load-config.js'
import type { Actions, CommonOptions, RowsOptions } from './program.js'
import { chooseModels, openProject, type Project } from './project.js'
import type { Surroundings } from './surroundings.js'

/**
 * The actions of one run of the command.
 * @param redact takes secrets out of text
 * @param end gets the exit code
 */
export function createActions(
  { terminal, args, env, cwd, signal }: Omit<Surroundings, 'version'>,
  redact: (text: string) => string,
  end: (code: ExitCode) => void,
): Actions {
  const withProject = async (
    { config }: CommonOptions,
    run: (project: Project) => Promise<ExitCode>,
  ): Promise<void> => {
    const project = await openProject(await loadConfig(cwd, config))
    try {
      end(await run(project))
    } finally {
      await project.close().catch(() => undefined) // what went wrong before is more telling
    }
  }
  const rows = ({ dryRun = false, json = false }: CommonOptions & RowsOptions) => ({
    dryRun,
    json,
    signal,
    redact,
    now: Date.now,
    args,
  })
  return {
    doctor: ({ failOn, severity, account, tag, model, key, json = false, ...options }) =>
      withProject(options, (project) => {
        const filter = given({ severity, account, tag, model, key })
        return runDoctor(project, terminal, { json, filter, failOn, redact, now: new Date() })
      }),
    status: (models, { key, html, check = false, json = false, ...options }) =>
      withProject(options, (project) =>
        runStatus(project, terminal, { models, json, key, html, check, signal, now: new Date() }),
      ),
    rotate: (models, { key, reEncrypt = false, force, ...options }) =>
      withProject(options, (project) =>
        runRows(project, terminal, {
          ...rows(options),
          verb: reEncrypt ? 're-encrypted' : 'rotated',
          models: chooseModels(project, models).filter((model) => key === undefined || model.groups.has(key)),
          run: (delegate, walk) =>
            rotateAll(delegate, {
              ...walkOptions(options),
              ...given({ key, force, mode: reEncrypt ? ('re-encrypt' as const) : undefined }),
              ...walk,
            }),
        }),
      ),
    encrypt: (models, { key, openSealed, ...options }) =>
      withProject(options, (project) =>
        runRows(project, terminal, {
          ...rows(options),
          verb: 'encrypted',
          models: chooseModels(project, models).filter((model) => key === undefined || model.groups.has(key)),
          run: (delegate, walk) =>
            encryptAll(delegate, { ...walkOptions(options), ...given({ key, openSealed }), ...walk }),
        }),
      ),
    createIndexKey: async ({ keyId = env['KMS_KEY_ID'], version, json = false, config }) => {
      // It comes before everything else: without a configuration, the environment is enough.
      const loaded = config === undefined && findConfig(cwd) === null ? null : await loadConfig(cwd, config)
      const providers = loaded?.config.providers ?? []
      end(await runCreateIndexKey(terminal, { keyId, version, providers, json }))
    },
    rotateIndexKey: ({ keyId, rewrap = false, json = false, ...options }) =>
      withProject(options, (project) => runRotateIndexKey(project, terminal, { keyId, rewrap, json })),
    contextHash: (model, id, { key, path, json = false, ...options }) =>
      withProject(options, (project) => runContextHash(project, terminal, { model, id, key, path, json })),
    open: (model, id, field, { reason, yes = false, json = false, ...options }) =>
      withProject(options, (project) =>
        runOpen(project, terminal, { model, id, field, reason, yes, json, now: new Date() }),
      ),
  }
}

function walkOptions({ batchSize, concurrency, dryRun, verify, stopOnError, cursor }: RowsOptions) {
  const onError = stopOnError === true ? ('stop' as const) : undefined
  return given({ batchSize, concurrency, dryRun, verify, onError, cursor })
}

/** Without what was not given: options that are `undefined` are none. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> } // what is left of the same
}
