#!/bin/sh
# npm_mparticle.sh - mParticle's SDK for Node, from npm, delivers what it is
# given, and its caller learns what was refused
. "${srcdir:-.}/tests/clients/lib.sh"

version=1.0.8
npm_packages "mparticle@$version"
cp "$clients/npm_mparticle.js" "$work"
sdk_agent
node "$work/npm_mparticle.js" "$ingest" "$not_guid" > "$work/said" ||
    fail 'the driver failed'
sdk_judge
tried 'mparticle (npm)' "$version" 'all cases'
