# shellcheck shell=bash
# The files that the service reads: its settings and its units.

# Written beside and renamed, so that a run that ends half-way leaves whole files.
put () {
  local path=$1 mode=$2 group=$3
  (umask 077 && cat > "$path.new")
  chown "root:$group" "$path.new"
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
}

write_settings () {
  mkdir -p "$SETTINGS"
  local port=${address##*:} listen=$host
  [[ $host != *:* ]] || listen="[$host]"
  { printf '%s\n' "HOST=$host" "PORT=$port" "NODE_ADDRESS=$address" STORAGE=memcached \
      "MEMCACHED=127.0.0.1:$MEMCACHED_PORT" "STATE_DIR=$STATE" "CLUSTER_TOKEN=$token" REQUIRE_TOKEN=1
    # What the operator has added stays.
    grep -vE '^(HOST|PORT|NODE_ADDRESS|STORAGE|MEMCACHED|STATE_DIR|CLUSTER_TOKEN|REQUIRE_TOKEN)=' \
      "$SETTINGS/node.env" 2> /dev/null || true
  } | put "$SETTINGS/node.env" 640 ringkeep
  echo "MEMORY_MB=$memory" | put "$SETTINGS/memcached.env" 644 root
  # Upgrades of the system may restart what uses a new library; this one would be empty afterwards.
  mkdir -p "${NEEDRESTART%/*}"
  # shellcheck disable=SC2016
  echo '$nrconf{override_rc}{qr(^ringkeep-memcached)} = 0;' | put "$NEEDRESTART" 644 root
  local unit
  for unit in "${UNIT_NAMES[@]}"; do
    sed "s/^ListenStream=0.0.0.0:5000\$/ListenStream=$listen:$port/" "$source_dir/deploy/systemd/$unit" |
      put "$UNITS/$unit" 644 root
  done
}
