# Wraps data keys under transit/keys/app, and looks whether that key is derived. Opens only the index key, which has a
# key of its own.
path "transit/encrypt/app" { capabilities = ["update"] }
path "transit/keys/app" { capabilities = ["read"] }
path "transit/decrypt/app-index" { capabilities = ["update"] }
path "transit/keys/app-index" { capabilities = ["read"] }
