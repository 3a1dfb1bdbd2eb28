/** What `doctor` finds in the catalogue of SQLite. */
import { describeCatalogue } from '../databases/doctor.js'
import { sqlite } from '../databases/sqlite.js'
import { useDatabase } from '../databases/suite.js'

const uniqueEmail = 'CREATE UNIQUE INDEX "Account_emailBidx_key" ON "Account" ("emailBidx")'
const dropUniqueEmail = 'DROP INDEX "Account_emailBidx_key"'

describeCatalogue(
  useDatabase(sqlite),
  ['Account.cityBidx: search-index WARN', 'Account.taxIdBidx: search-index WARN'],
  [
    {
      name: 'a missing table',
      make: ['ALTER TABLE "Device" RENAME TO "Gone"'],
      mend: ['ALTER TABLE "Gone" RENAME TO "Device"'],
      finding: 'Device: columns CRITICAL',
    },
    {
      name: 'a missing column',
      make: ['ALTER TABLE "comments" RENAME COLUMN "comment_text" TO "other"'],
      mend: ['ALTER TABLE "comments" RENAME COLUMN "other" TO "comment_text"'],
      finding: 'Comment.text: columns CRITICAL',
    },
    {
      name: 'a column that changes what it is given',
      make: ['ALTER TABLE "Post" DROP COLUMN "body"', 'ALTER TABLE "Post" ADD COLUMN "body" NUMERIC'],
      mend: ['ALTER TABLE "Post" DROP COLUMN "body"', 'ALTER TABLE "Post" ADD COLUMN "body" TEXT'],
      finding: 'Post.body: type CRITICAL',
    },
    {
      name: 'a unique index on ciphertext',
      make: ['CREATE UNIQUE INDEX "ciphertext" ON "Post" ("body")'],
      mend: ['DROP INDEX "ciphertext"'],
      finding: 'Post.body: unique-ciphertext WARN',
    },
    {
      name: 'a unique index that is not there',
      make: [dropUniqueEmail],
      mend: [uniqueEmail],
      finding: 'Account.emailBidx: unique-index CRITICAL',
    },
    {
      name: 'that a partial unique index does not make a blind index unique',
      make: [dropUniqueEmail, 'CREATE UNIQUE INDEX "partly" ON "Account" ("emailBidx") WHERE "id" > 5'],
      mend: ['DROP INDEX "partly"', uniqueEmail],
      finding: 'Account.emailBidx: unique-index CRITICAL',
    },
    {
      name: 'that a unique index over two columns does not make a blind index unique',
      make: [dropUniqueEmail, 'CREATE UNIQUE INDEX "both" ON "Account" ("emailBidx", "orgId")'],
      mend: ['DROP INDEX "both"', uniqueEmail],
      finding: 'Account.emailBidx: unique-index CRITICAL',
    },
    {
      name: 'a search without an index',
      make: ['DROP INDEX "Account_phoneBidx_idx"'],
      mend: ['CREATE INDEX "Account_phoneBidx_idx" ON "Account" ("phoneBidx")'],
      finding: 'Account.phoneBidx: search-index WARN',
    },
  ],
)
