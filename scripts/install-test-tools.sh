#!/bin/sh
# Installs what the tests and benchmarks need besides Go, gcc and Node: Debian
# packages, and Go tools at pinned versions in .tools/bin (ignored by git).
#
# It does nothing, in about a second, when all is there. Without apt, or without
# the right to use it, it says what is missing and goes on: the tests then skip
# what they cannot run (and fail it under ECRU_REQUIRE_TOOLS=1).
set -eu

crane_version=v0.22.1
regctl_version=v0.11.7

root=$(cd "$(dirname "$0")/.." && pwd)
tools=$root/.tools
bin=$tools/bin
log=$tools/install.log
missing=""

say() { printf 'test tools: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command quietly; its output is shown only when it fails.
quietly() {
	if "$@" >"$log" 2>&1; then return 0; fi
	say "failed: $*"
	tail -n 15 "$log" >&2
	return 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
	have apt-get || return 1
	[ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }
}

have_postgresql() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || have initdb; }
have_trust_policy() { [ -e /etc/containers/policy.json ] || [ -e "${HOME:-/}/.config/containers/policy.json" ]; }
have_sbin() { have "$1" || [ -x "/usr/sbin/$1" ]; }
have_boto3() { python3 -c 'import boto3' >/dev/null 2>&1 || { [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import boto3' >/dev/null 2>&1; }; }

wanted_packages() {
	have_postgresql || echo postgresql
	have skopeo || echo skopeo
	have podman || echo podman
	have buildah || echo buildah
	have_sbin dockerd || echo docker.io
	have jq || echo jq
	have curl || echo curl
	have_sbin nginx || echo nginx-light
	have_trust_policy || echo golang-github-containers-common
	have aws || echo awscli
	have_boto3 || echo python3-boto3
	have_sbin nats-server || echo nats-server
}

# Packages that start a service must not: the tests start what they need, on
# ports and in directories of their own.
without_services() {
	policy=/usr/sbin/policy-rc.d
	if as_root test -e "$policy"; then "$@"; return; fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
	status=0
	"$@" || status=$?
	as_root rm -f "$policy"
	return "$status"
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

install_packages() {
	packages=$(wanted_packages | tr '\n' ' ')
	[ -n "$packages" ] || return 0
	if ! can_install; then
		say "these packages are missing and cannot be installed here: $packages"
		missing="$missing $packages"
		return 0
	fi
	say "installing $packages"
	quietly as_root apt-get update -q || true
	# shellcheck disable=SC2086 # a list of names
	if quietly without_services apt_install $packages; then return 0; fi
	# One unknown package must not cost the others.
	for package in $packages; do
		quietly without_services apt_install "$package" || missing="$missing $package"
	done
}

# go_tool NAME PACKAGE VERSION
go_tool() {
	if [ -x "$bin/$1" ] && [ "$(cat "$bin/.$1.version" 2>/dev/null)" = "$3" ]; then return 0; fi
	if ! have go; then
		missing="$missing $1"
		return 0
	fi
	say "building $1 $3"
	# Outside the repository, so that its go.mod has no say in the versions.
	if (cd / && GOBIN=$bin GOFLAGS=-mod=mod quietly go install "$2@$3"); then
		echo "$3" >"$bin/.$1.version"
	else
		missing="$missing $1"
	fi
}

mkdir -p "$bin"
echo '*' >"$tools/.gitignore"
# An earlier version of this script left these; the tests bring their own.
rm -rf "$tools/aws-models" "$bin/aws"
install_packages
go_tool crane github.com/google/go-containerregistry/cmd/crane "$crane_version"
go_tool regctl github.com/regclient/regclient/cmd/regctl "$regctl_version"
if [ -n "$missing" ]; then say "not available:$missing"; fi
