"""python_sdk.py - mParticle's SDK for Python, in the cases of sdk_judge

usage: python3 python_sdk.py BASE-URL NOT-GUID
"""
import json
import sys

import mparticle
from mparticle.rest import ApiException


def client(key, secret):
    configuration = mparticle.Configuration()
    configuration.host = sys.argv[1] + '/v2'
    configuration.api_key = key
    configuration.api_secret = secret
    return mparticle.EventsApi(configuration)


def batch(person, name, ad_id=None, more=()):
    made = mparticle.Batch()
    made.environment = 'production'
    made.user_identities = mparticle.UserIdentities()
    made.user_identities.customerid = person
    event = mparticle.AppEvent(name, 'navigation')
    event.custom_attributes = {'n': '1.5'}
    if ad_id:
        made.device_info = mparticle.DeviceInformation()
        made.device_info.ios_advertising_id = ad_id
    made.events = [event, *more]  # tells their types; append would not
    return made


def batches(count, person, name):
    return [batch(person + str(i), '%s %d' % (name, i)) for i in range(count)]


def call(upload, body):
    """Status, text and headers, as the SDK tells its caller."""
    try:
        data, status, headers = upload(body)
        return status, data, headers
    except ApiException as error:
        return error.status, error.body, error.headers


def say(what, answer):
    status, text, _ = answer
    words = [what, str(status)]
    if text:
        words.append(json.loads(text)['errors'][0]['message'])
    print(' '.join(words))


def main():
    not_guid = sys.argv[2]
    api = client('key', 'secret')
    one = api.upload_events_with_http_info
    bulk = api.bulk_upload_events_with_http_info

    single = batch('s-1', 'Single', more=[
        mparticle.ScreenViewEvent(screen_name='Single screen')])
    single.user_attributes = {'hair color': 'brown'}
    say('single', call(one, single))
    say('bulk-100', call(bulk, batches(100, 'b-', 'Bulk')))
    say('bulk-101', call(bulk, batches(101, 'x-', 'Never')))
    say('partial', call(bulk, [batch('p-0', 'Partial 0', not_guid),
                               batch('p-1', 'Partial 1')]))
    say('not-guid', call(one, batch('p-0', 'Never', not_guid)))
    say('wrong-secret', call(
        client('key', 'wrong').upload_events_with_http_info,
        batch('x-0', 'Never')))

    slow = client('slow', 'secret').upload_events_with_http_info
    limited = 202, None, None
    while limited[0] == 202:
        limited = call(slow, batch('l-0', 'Limited'))
    print('limited', limited[0], 'Retry-After', limited[2]['Retry-After'])


main()
