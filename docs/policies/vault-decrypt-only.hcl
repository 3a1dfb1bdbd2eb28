# Opens data keys under transit/keys/app and the index key; wraps none.
path "transit/decrypt/app" { capabilities = ["update"] }
path "transit/keys/app" { capabilities = ["read"] }
path "transit/decrypt/app-index" { capabilities = ["update"] }
path "transit/keys/app-index" { capabilities = ["read"] }
