/** MariaDB: random sequences of operations against plain Prisma. */
import { mariadb } from './mariadb.js'
import { compareWithPlainPrisma } from './oracle.js'

compareWithPlainPrisma(mariadb)
