# shellcheck shell=bash
# The programs that a node needs, from the package sources: Node.js and Memcached.

is_installed () { dpkg-query -W -f '${Status}' "$1" 2> /dev/null | grep -q '^install ok installed'; }

# A fresh machine may be busy with upgrades of its own for some minutes.
readonly APT_WAITS=(-o DPkg::Lock::Timeout=300)

install_packages () {
  apt-get "${APT_WAITS[@]}" update -q &&
    DEBIAN_FRONTEND=noninteractive apt-get "${APT_WAITS[@]}" install -y -q --no-install-recommends "$@"
}

apt_install () {
  local missing=() package
  for package in "$@"; do
    # An old Node.js is installed and yet missing.
    if [ "$package" = nodejs ] || ! is_installed "$package"; then missing+=("$package"); fi
  done
  [ "${#missing[@]}" -eq 0 ] && return 0
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! install_packages "${missing[@]}" > "$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    fail "cannot install ${missing[*]} from the package sources; run this again when that is mended"
  fi
  rm -f "$log"
}

# True if the program is there, new enough, and one that the service may use: not in somebody's home.
is_node () {
  local version
  [[ $1 != /root/* && $1 != /home/* && $1 != /snap/* ]] || return 1
  version=$("$1" --version 2> /dev/null) && is_new_enough "${version#v}"
}
is_new_enough () { [ "$(printf '%s\n' "$MIN_NODE" "$1" | sort -V | head -n 1)" = "$MIN_NODE" ]; }

candidate_version () { apt-cache policy nodejs 2> /dev/null | sed -n 's/^ *Candidate: //p'; }

install_node () {
  node=$(command -v node || true)
  if [ -z "$node" ] || ! is_node "$node"; then
    local candidate
    candidate=$(candidate_version)
    if ! is_new_enough "$candidate"; then add_nodesource; fi
    apt_install nodejs
    node=$(command -v node)
  fi
  is_node "$node" || fail "needs Node.js $MIN_NODE or newer, for all users; $node is $("$node" --version)"
  command -v npm > /dev/null || apt_install npm
}

add_nodesource () {
  apt_install curl gnupg
  say 'adding the package source of NodeSource, for Node.js 22'
  local key
  key=$(mktemp)
  curl -fsS --max-time 60 https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key > "$key" ||
    fail 'cannot reach deb.nodesource.com for Node.js; install Node.js yourself and run this again'
  mkdir -p /etc/apt/keyrings
  gpg --batch --yes --dearmor -o /etc/apt/keyrings/nodesource.gpg < "$key"
  rm -f "$key"
  echo 'deb [signed-by=/etc/apt/keyrings/nodesource.gpg] https://deb.nodesource.com/node_22.x nodistro main' \
    > /etc/apt/sources.list.d/nodesource.list
  apt-get update -q > /dev/null
}

# The distribution's own instance, which its package starts, is not ours to run; one that was there before is
# left alone.
install_memcached () {
  local had=no
  command -v memcached > /dev/null && had=yes
  apt_install memcached
  if [ "$had" = no ] && has_systemd; then systemctl disable --now memcached.service > /dev/null 2>&1; fi
  local flags
  flags=$(pgrep -af "memcached .*-p $MEMCACHED_PORT\\b" || true)
  if [ -n "$flags" ] && [[ $flags != *"-l 127.0.0.1 -p $MEMCACHED_PORT -U 0 -M"* ]]; then
    fail "a Memcached with other flags runs on port $MEMCACHED_PORT: ${flags#* }"
  fi
}
