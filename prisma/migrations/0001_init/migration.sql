-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "audit";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "Role" AS ENUM ('MEMBER', 'EDITOR', 'ADMIN');

-- CreateTable
CREATE TABLE "Org" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "Org_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Tag" (
    "id" SERIAL NOT NULL,
    "label" TEXT NOT NULL,

    CONSTRAINT "Tag_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "User" (
    "id" SERIAL NOT NULL,
    "handle" TEXT,
    "email" TEXT,
    "name" TEXT NOT NULL,
    "notes" JSONB,
    "avatar" BYTEA,
    "phone" TEXT,
    "nickname" TEXT,
    "role" "Role" NOT NULL DEFAULT 'MEMBER',
    "loginCount" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    "orgId" INTEGER,
    "encryptedKmsKey" TEXT,
    "encryptedKmsKeyPhone" TEXT,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Profile" (
    "id" TEXT NOT NULL,
    "bio" TEXT NOT NULL,
    "headline" VARCHAR(200),
    "website" TEXT,
    "userId" INTEGER NOT NULL,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Profile_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Post" (
    "id" SERIAL NOT NULL,
    "title" TEXT NOT NULL,
    "body" TEXT,
    "published" BOOLEAN NOT NULL DEFAULT false,
    "authorId" INTEGER NOT NULL,
    "editorId" INTEGER,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Post_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "comments" (
    "id" BIGSERIAL NOT NULL,
    "comment_text" TEXT NOT NULL,
    "likes" INTEGER NOT NULL DEFAULT 0,
    "post_id" INTEGER NOT NULL,
    "parent_id" BIGINT,
    "encrypted_kms_key" TEXT,

    CONSTRAINT "comments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Device" (
    "id" UUID NOT NULL,
    "label" TEXT,
    "token" BYTEA NOT NULL,
    "ownerId" INTEGER NOT NULL,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Device_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Membership" (
    "orgId" INTEGER NOT NULL,
    "userNo" INTEGER NOT NULL,
    "level" TEXT,
    "secret" TEXT,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Membership_pkey" PRIMARY KEY ("orgId","userNo")
);

-- CreateTable
CREATE TABLE "audit"."audit_entries" (
    "entry_id" SERIAL NOT NULL,
    "action_name" TEXT NOT NULL,
    "detail_text" TEXT,
    "payload_json" JSONB,
    "happened_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor_id" INTEGER,
    "encrypted_kms_key" TEXT,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("entry_id")
);

-- CreateTable
CREATE TABLE "Account" (
    "id" SERIAL NOT NULL,
    "email" TEXT,
    "emailBidx" TEXT,
    "phone" TEXT,
    "phoneBidx" TEXT,
    "city" TEXT,
    "cityBidx" TEXT,
    "taxId" TEXT,
    "taxIdBidx" TEXT,
    "badge" TEXT,
    "badge_bidx" TEXT,
    "label" TEXT,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    "orgId" INTEGER,
    "ownerId" INTEGER,
    "referrerId" INTEGER,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainOrg" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,

    CONSTRAINT "PlainOrg_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainTag" (
    "id" SERIAL NOT NULL,
    "label" TEXT NOT NULL,

    CONSTRAINT "PlainTag_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainUser" (
    "id" SERIAL NOT NULL,
    "handle" TEXT,
    "email" TEXT,
    "name" TEXT NOT NULL,
    "notes" JSONB,
    "avatar" BYTEA,
    "phone" TEXT,
    "nickname" TEXT,
    "role" "Role" NOT NULL DEFAULT 'MEMBER',
    "loginCount" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    "orgId" INTEGER,

    CONSTRAINT "PlainUser_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainProfile" (
    "id" TEXT NOT NULL,
    "bio" TEXT NOT NULL,
    "headline" VARCHAR(200),
    "website" TEXT,
    "userId" INTEGER NOT NULL,

    CONSTRAINT "PlainProfile_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainPost" (
    "id" SERIAL NOT NULL,
    "title" TEXT NOT NULL,
    "body" TEXT,
    "published" BOOLEAN NOT NULL DEFAULT false,
    "authorId" INTEGER NOT NULL,
    "editorId" INTEGER,

    CONSTRAINT "PlainPost_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "plain_comments" (
    "id" BIGSERIAL NOT NULL,
    "comment_text" TEXT NOT NULL,
    "likes" INTEGER NOT NULL DEFAULT 0,
    "post_id" INTEGER NOT NULL,
    "parent_id" BIGINT,

    CONSTRAINT "plain_comments_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainDevice" (
    "id" UUID NOT NULL,
    "label" TEXT,
    "token" BYTEA NOT NULL,
    "ownerId" INTEGER NOT NULL,

    CONSTRAINT "PlainDevice_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainMembership" (
    "orgId" INTEGER NOT NULL,
    "userNo" INTEGER NOT NULL,
    "level" TEXT,
    "secret" TEXT,

    CONSTRAINT "PlainMembership_pkey" PRIMARY KEY ("orgId","userNo")
);

-- CreateTable
CREATE TABLE "audit"."plain_audit_entries" (
    "entry_id" SERIAL NOT NULL,
    "action_name" TEXT NOT NULL,
    "detail_text" TEXT,
    "payload_json" JSONB,
    "happened_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor_id" INTEGER,

    CONSTRAINT "plain_audit_entries_pkey" PRIMARY KEY ("entry_id")
);

-- CreateTable
CREATE TABLE "PlainAccount" (
    "id" SERIAL NOT NULL,
    "email" TEXT,
    "emailBidx" TEXT,
    "phone" TEXT,
    "phoneBidx" TEXT,
    "city" TEXT,
    "cityBidx" TEXT,
    "taxId" TEXT,
    "taxIdBidx" TEXT,
    "badge" TEXT,
    "badge_bidx" TEXT,
    "label" TEXT,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    "orgId" INTEGER,
    "ownerId" INTEGER,
    "referrerId" INTEGER,

    CONSTRAINT "PlainAccount_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_PostToTag" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,

    CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateTable
CREATE TABLE "_PlainPostToPlainTag" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,

    CONSTRAINT "_PlainPostToPlainTag_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "Tag_label_key" ON "Tag"("label");

-- CreateIndex
CREATE UNIQUE INDEX "User_handle_key" ON "User"("handle");

-- CreateIndex
CREATE UNIQUE INDEX "Profile_userId_key" ON "Profile"("userId");

-- Left out: unique index "Account_email_key", because "Account"."email" holds ciphertext; a blind index stands for it.

-- CreateIndex
CREATE UNIQUE INDEX "Account_emailBidx_key" ON "Account"("emailBidx");

-- Left out: unique index "Account_badge_key", because "Account"."badge" holds ciphertext; a blind index stands for it.

-- CreateIndex
CREATE UNIQUE INDEX "Account_badge_bidx_key" ON "Account"("badge_bidx");

-- CreateIndex
CREATE INDEX "Account_phoneBidx_idx" ON "Account"("phoneBidx");

-- Left out: unique index "Account_orgId_taxId_key", because "Account"."taxId" holds ciphertext; a blind index stands for it.

-- CreateIndex
CREATE UNIQUE INDEX "Account_orgId_taxIdBidx_key" ON "Account"("orgId", "taxIdBidx");

-- CreateIndex
CREATE UNIQUE INDEX "PlainTag_label_key" ON "PlainTag"("label");

-- CreateIndex
CREATE UNIQUE INDEX "PlainUser_handle_key" ON "PlainUser"("handle");

-- CreateIndex
CREATE UNIQUE INDEX "PlainProfile_userId_key" ON "PlainProfile"("userId");

-- CreateIndex
CREATE UNIQUE INDEX "PlainAccount_email_key" ON "PlainAccount"("email");

-- CreateIndex
CREATE UNIQUE INDEX "PlainAccount_emailBidx_key" ON "PlainAccount"("emailBidx");

-- CreateIndex
CREATE UNIQUE INDEX "PlainAccount_badge_key" ON "PlainAccount"("badge");

-- CreateIndex
CREATE UNIQUE INDEX "PlainAccount_badge_bidx_key" ON "PlainAccount"("badge_bidx");

-- CreateIndex
CREATE INDEX "PlainAccount_phoneBidx_idx" ON "PlainAccount"("phoneBidx");

-- CreateIndex
CREATE UNIQUE INDEX "PlainAccount_orgId_taxId_key" ON "PlainAccount"("orgId", "taxId");

-- CreateIndex
CREATE UNIQUE INDEX "PlainAccount_orgId_taxIdBidx_key" ON "PlainAccount"("orgId", "taxIdBidx");

-- CreateIndex
CREATE INDEX "_PostToTag_B_index" ON "_PostToTag"("B");

-- CreateIndex
CREATE INDEX "_PlainPostToPlainTag_B_index" ON "_PlainPostToPlainTag"("B");

-- AddForeignKey
ALTER TABLE "User" ADD CONSTRAINT "User_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Profile" ADD CONSTRAINT "Profile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Post" ADD CONSTRAINT "Post_editorId_fkey" FOREIGN KEY ("editorId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "comments" ADD CONSTRAINT "comments_post_id_fkey" FOREIGN KEY ("post_id") REFERENCES "Post"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "comments" ADD CONSTRAINT "comments_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "comments"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Device" ADD CONSTRAINT "Device_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "audit"."audit_entries" ADD CONSTRAINT "audit_entries_actor_id_fkey" FOREIGN KEY ("actor_id") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Account" ADD CONSTRAINT "Account_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "Org"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Account" ADD CONSTRAINT "Account_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Account" ADD CONSTRAINT "Account_referrerId_fkey" FOREIGN KEY ("referrerId") REFERENCES "Account"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainUser" ADD CONSTRAINT "PlainUser_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "PlainOrg"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainProfile" ADD CONSTRAINT "PlainProfile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "PlainUser"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainPost" ADD CONSTRAINT "PlainPost_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "PlainUser"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainPost" ADD CONSTRAINT "PlainPost_editorId_fkey" FOREIGN KEY ("editorId") REFERENCES "PlainUser"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "plain_comments" ADD CONSTRAINT "plain_comments_post_id_fkey" FOREIGN KEY ("post_id") REFERENCES "PlainPost"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "plain_comments" ADD CONSTRAINT "plain_comments_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "plain_comments"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainDevice" ADD CONSTRAINT "PlainDevice_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "PlainUser"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainMembership" ADD CONSTRAINT "PlainMembership_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "PlainOrg"("id") ON DELETE CASCADE ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "audit"."plain_audit_entries" ADD CONSTRAINT "plain_audit_entries_actor_id_fkey" FOREIGN KEY ("actor_id") REFERENCES "PlainUser"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainAccount" ADD CONSTRAINT "PlainAccount_orgId_fkey" FOREIGN KEY ("orgId") REFERENCES "PlainOrg"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainAccount" ADD CONSTRAINT "PlainAccount_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "PlainUser"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PlainAccount" ADD CONSTRAINT "PlainAccount_referrerId_fkey" FOREIGN KEY ("referrerId") REFERENCES "PlainAccount"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "Post"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_PostToTag" ADD CONSTRAINT "_PostToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "Tag"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_PlainPostToPlainTag" ADD CONSTRAINT "_PlainPostToPlainTag_A_fkey" FOREIGN KEY ("A") REFERENCES "PlainPost"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_PlainPostToPlainTag" ADD CONSTRAINT "_PlainPostToPlainTag_B_fkey" FOREIGN KEY ("B") REFERENCES "PlainTag"("id") ON DELETE CASCADE ON UPDATE CASCADE;
