# Writes golden rows of Ruby libraries as JSON: with the gems Lockbox and attr_encrypted themselves, and for the key column
# of kms_encrypted with the lines of its own source (Box#encrypt, Clients::Base#generate_context, Clients::Test#encrypt).
# Needs the gems lockbox and attr_encrypted. Run: ruby scripts/legacy-rows.rb
require 'stringio'
require 'json'
require 'base64'
require 'securerandom'
require 'lockbox'
require 'attr_encrypted'

DATA_KEY = SecureRandom.random_bytes(32)

class Person
  extend AttrEncrypted
  attr_encrypted :headline, key: DATA_KEY, encode: true, encode_iv: true # as in Active Record
  attr_accessor :encrypted_headline, :encrypted_headline_iv
end

def lockbox(text)
  box = Lockbox.new(key: DATA_KEY, encode: true)
  { plaintext: text, stored: box.encrypt(text.dup).force_encoding("UTF-8") }
end

def attr_encrypted_row(text)
  person = Person.new
  person.headline = text.dup
  { plaintext: text, stored: person.encrypted_headline, iv: person.encrypted_headline_iv }
end

# KmsEncrypted::Clients::Test#encrypt; the context is JSON in base64.
def test_client(context_json)
  prefix = Base64.decode64('insecure+data+A').b
  [prefix, Base64.strict_encode64(DATA_KEY), Base64.encode64(context_json)].join(':')
end

# KmsEncrypted::Clients::Base#generate_context of versioned keys: sorted, values as strings.
def context(model, id)
  Hash[{ model_name: model, model_id: id }.sort_by { |k| k.to_s }.map { |k, v| [k.to_s, v.to_s] }].to_json
end

def keys(model, id)
  {
    versioned: "v1:#{Base64.strict_encode64(test_client(context(model, id)))}",
    # Before version 1.0 of the gem: no version, the context as it was given.
    unversioned: Base64.encode64(test_client({ model_name: model, model_id: id }.to_json)),
    emptyContext: Base64.encode64(test_client({}.to_json))
  }
end

puts JSON.pretty_generate(
  libraries: {
    ruby: RUBY_VERSION, lockbox: Lockbox::VERSION, attr_encrypted: AttrEncrypted::Version.string,
    kms_encrypted: 'after the source of 1.x, not run'
  },
  dataKey: Base64.strict_encode64(DATA_KEY),
  lockbox: [lockbox('ada@example.com'), lockbox("Grüße, 世界\n")],
  lockboxJson: lockbox({ title: 'Countess', id: 12_345_678_901_234_567_890 }.to_json),
  attrEncrypted: [attr_encrypted_row('Analytical Engine'), attr_encrypted_row('x' * 100)],
  keys: { Profile: keys('Profile', '7d9f2c1e-0000-4000-8000-000000000001'), Comment: keys('Comment', 42), AuditEntry: keys('AuditEntry', 7) }
)
