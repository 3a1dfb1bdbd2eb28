# The suite turns an audit device on, to compare context hashes with the log.
unsafe_allow_api_audit_creation = true
