#!/bin/sh
#
# slow.sh - intake.sh on a disk whose fsync takes 2 ms longer

exec sh "$(dirname "$0")/intake.sh" 2000
