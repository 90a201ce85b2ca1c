#!/bin/sh
# ruby_sdk.sh - mParticle's SDK for Ruby delivers what it is given, and its
# caller learns what was refused
#
# The SDK comes from RubyGems, or is the checkout that HEAPRELAY_RUBY_SDK
# names, whose libraries are Debian's ruby-typhoeus and ruby-addressable.
. "${srcdir:-.}/tests/clients/lib.sh"

version=1.1.1
command -v ruby > /dev/null || skip 'no ruby here'
if [ -n "${HEAPRELAY_RUBY_SDK:-}" ]; then
	RUBYLIB=$HEAPRELAY_RUBY_SDK/lib
	export RUBYLIB
	grep -qF "\"$version\"" "$HEAPRELAY_RUBY_SDK/mparticle.gemspec" ||
	    fail "the SDK is not $version"
	ruby -e 'require "mparticle"' 2> "$work/ruby.out" ||
	    skip "the SDK lacks a library: $(head -n 1 "$work/ruby.out")"
else
	GEM_HOME=$work/gems
	export GEM_HOME
	gem install --silent --no-document --version "$version" mparticle \
	    > "$work/gem.out" 2>&1 ||
	    skip "no RubyGems: $(tail -n 1 "$work/gem.out")"
fi
sdk_agent
ruby "$clients/ruby_sdk.rb" "$ingest" "$not_guid" > "$work/said" ||
    fail 'the driver failed'
sdk_judge
tried 'mparticle (Ruby)' "$version" 'all cases'
