/** The configuration of the command line: the client that the application uses, made only when a command needs it. */
import { defineConfig } from 'prisma-kms-encrypted/config'

export default defineConfig({
  client: async () => (await import('./src/prisma.js')).prisma,
})
