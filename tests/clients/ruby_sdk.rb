# ruby_sdk.rb - mParticle's SDK for Ruby, in the cases of sdk_judge
#
# usage: ruby ruby_sdk.rb BASE-URL NOT-GUID
require 'json'
require 'uri'
require 'mparticle'

def client(key, secret)
  at = URI(ARGV[0])
  config = MParticle::Configuration.new
  config.scheme = at.scheme
  config.host = "#{at.host}:#{at.port}"
  config.base_path = '/v2'
  config.api_key = key
  config.api_secret = secret
  MParticle::EventsApi.new(config)
end

def batch(person, name, ad_id: nil, more: [])
  made = MParticle::Batch.new
  made.environment = 'production'
  made.user_identities = MParticle::UserIdentities.new
  made.user_identities.customerid = person
  event = MParticle::AppEvent.new
  event.event_name = name
  event.custom_event_type = 'navigation'
  event.custom_attributes = { 'n' => 1.5 }
  if ad_id
    made.device_info = MParticle::DeviceInformation.new
    made.device_info.ios_advertising_id = ad_id
  end
  made.events = [event, *more] # tells their types; << would not
  made
end

def batches(count, person, name)
  Array.new(count) { |i| batch("#{person}#{i}", "#{name} #{i}") }
end

# Status, text and headers, as the SDK tells its caller.
def answer
  data, status, headers = yield
  [status, data, headers]
rescue MParticle::ApiError => e
  [e.code, e.response_body, e.response_headers]
end

def say(what, answered)
  status, text, = answered
  words = [what, status]
  words << JSON.parse(text)['errors'][0]['message'] unless text.to_s.empty?
  puts words.join(' ')
end

not_guid = ARGV[1]
api = client('key', 'secret')

screen = MParticle::ScreenViewEvent.new
screen.screen_name = 'Single screen'
single = batch('s-1', 'Single', more: [screen])
single.user_attributes = { 'hair color' => 'brown' }
say('single', answer { api.upload_events(single) })
say('bulk-100', answer { api.bulk_upload_events(batches(100, 'b-', 'Bulk')) })
say('bulk-101', answer { api.bulk_upload_events(batches(101, 'x-', 'Never')) })
say('partial', answer {
  api.bulk_upload_events([batch('p-0', 'Partial 0', ad_id: not_guid),
                          batch('p-1', 'Partial 1')])
})
say('not-guid', answer {
  api.upload_events(batch('p-0', 'Never', ad_id: not_guid))
})
say('wrong-secret', answer {
  client('key', 'wrong').upload_events(batch('x-0', 'Never'))
})

slow = client('slow', 'secret')
limited = [202]
while limited[0] == 202
  limited = answer { slow.upload_events(batch('l-0', 'Limited')) }
end
puts "limited #{limited[0]} Retry-After #{limited[2]['Retry-After']}"
