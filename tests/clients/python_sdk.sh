#!/bin/sh
# python_sdk.sh - mParticle's SDK for Python delivers what it is given, and
# its caller learns what was refused
#
# The SDK comes from PyPI, or is the checkout that HEAPRELAY_PYTHON_SDK names.
. "${srcdir:-.}/tests/clients/lib.sh"

version=0.16.1
command -v python3 > /dev/null || skip 'no python3 here'
python=${HEAPRELAY_PYTHON_SDK:-}
if [ -z "$python" ]; then
	python=$work/python
	# 2.x of urllib3 lacks what the SDK calls.
	python3 -m pip install --quiet --retries 0 --target "$python" \
	    "mparticle==$version" 'urllib3<2' > "$work/pip.out" 2>&1 ||
	    skip "no PyPI: $(tail -n 1 "$work/pip.out")"
fi
sdk_agent
PYTHONPATH=$python PYTHONDONTWRITEBYTECODE=1 python3 -W ignore \
    "$clients/python_sdk.py" "$ingest" "$not_guid" > "$work/said" ||
    fail 'the driver failed'
sdk_judge
grep -qF "$version" "$python"/setup.py "$python"/mparticle-*/METADATA \
    2> /dev/null || fail "the SDK is not $version"
tried 'mparticle (Python)' "$version" 'all cases'
