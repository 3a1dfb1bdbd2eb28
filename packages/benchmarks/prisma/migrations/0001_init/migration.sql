-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "Person" (
    "id" SERIAL NOT NULL,
    "city" TEXT NOT NULL,
    "name" TEXT,
    "email" TEXT,
    "address" TEXT,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Person_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PlainPerson" (
    "id" SERIAL NOT NULL,
    "city" TEXT NOT NULL,
    "name" TEXT,
    "email" TEXT,
    "address" TEXT,

    CONSTRAINT "PlainPerson_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PeerPerson" (
    "id" SERIAL NOT NULL,
    "city" TEXT NOT NULL,
    "name" TEXT,
    "email" TEXT,
    "address" TEXT,

    CONSTRAINT "PeerPerson_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Wide" (
    "id" SERIAL NOT NULL,
    "field1" TEXT,
    "field2" TEXT,
    "field3" TEXT,
    "field4" TEXT,
    "field5" TEXT,
    "field6" TEXT,
    "field7" TEXT,
    "field8" TEXT,
    "field9" TEXT,
    "field10" TEXT,
    "encryptedKmsKey" TEXT,

    CONSTRAINT "Wide_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Note" (
    "id" SERIAL NOT NULL,
    "title" TEXT NOT NULL,
    "body" TEXT NOT NULL,

    CONSTRAINT "Note_pkey" PRIMARY KEY ("id")
);
