#!/usr/bin/env node
// In the repository, so that installing links the command before the package is built.
import '../dist/cli/bin.js'
