# shellcheck shell=bash
# The application: built beside the present release, put in its place at one moment, started, and taken back
# if it does not answer.

# A release is built beside the present one and takes its place at one moment; a run that ends half-way leaves
# the present one.
install_application () {
  local release new
  release=$APP/releases/$(date -u +%Y%m%d%H%M%S)
  new=$APP/releases/.new
  say "building the application in $release"
  rm -rf "$new"
  mkdir -p "$new"
  tar -C "$source_dir" --exclude ./node_modules --exclude ./.git --exclude ./dist --exclude ./.tap -cf - . |
    tar -C "$new" --no-same-owner -xf -
  local log
  log=$(mktemp)
  if ! (cd "$new" && npm ci && npm run build && npm prune --omit=dev) > "$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -rf "$log" "$new"
    fail 'cannot build the application (is the npm registry reachable?); nothing was changed'
  fi
  rm -f "$log"
  chmod -R a+rX,go-w "$new"
  mv "$new" "$release"
  previous=$(readlink "$APP/current" || true)
  point_at "$release"
  ln -sfn "$node" "$APP/.node"
  mv -T "$APP/.node" "$APP/node"
}

# At one moment: there is always a whole release to run.
point_at () {
  ln -sfn "$1" "$APP/.current"
  mv -T "$APP/.current" "$APP/current"
}

# The release before stays, to go back to.
drop_old_releases () {
  local release
  for release in "$APP"/releases/*; do
    if [ "$release" != "$(readlink "$APP/current")" ] && [ "$release" != "$previous" ]; then
      rm -rf "$release"
    fi
  done
}

# True once the node answers and reaches its storage.
answers () {
  local scheme=http own=$host answer
  if [ "$host" = 0.0.0.0 ] || [ "$host" = :: ]; then
    own=127.0.0.1
  elif [[ $host == *:* ]]; then
    own="[$host]"
  fi
  [ -z "$(setting TLS_CERT)" ] || scheme=https
  # Whose certificate it is does not matter here: it is this machine's own port.
  answer=$(curl -ks --max-time 2 "$scheme://$own:${address##*:}/readyz") &&
    [ -n "$answer" ] && [[ $answer != *KV_ERR_STORAGE* && $answer != *KV_ERR_STOPPING* ]]
}

start () {
  has_systemd || return 0
  systemctl daemon-reload
  systemctl enable -q "${UNIT_NAMES[@]}"
  systemctl start ringkeep-memcached.service ringkeep.socket
  systemctl restart ringkeep.service
  if [ -n "$memory_before" ] && [ "$memory" != "$memory_before" ]; then
    say 'the new --memory holds when ringkeep-memcached is restarted, which empties it: one node at a time'
  fi
  if answers_in_time; then
    rename_slots
    return 0
  fi
  journalctl -u ringkeep.service -n 5 --no-pager >&2 || true
  [ -n "$previous" ] || fail "the node does not answer; journalctl -u ringkeep.service says more"
  point_at "$previous"
  systemctl restart ringkeep.service
  answers_in_time ||
    fail "neither the new release nor the one before, $previous, answers; see journalctl -u ringkeep.service"
  fail "the new release does not answer; the one before, $previous, runs again"
}

# Where HAProxy runs on this machine too, the unit beside it may name the program by where releases before had
# it. Only now, as the way back leads to one of those.
rename_slots () {
  local unit=$UNITS/ringkeep-slots.service
  grep -qs 'dist/src/haproxy/main.js' "$unit" || return 0
  sed -i 's|dist/src/haproxy/main.js|bin/ringkeep-slots.js|' "$unit"
  systemctl daemon-reload
  systemctl try-restart ringkeep-slots.service
}

# False early if it ends as often as it is started.
answers_in_time () {
  local end=$((SECONDS + START_S))
  until answers; do
    [ "$SECONDS" -lt "$end" ] &&
      [ "$(systemctl show --property NRestarts --value ringkeep.service)" -lt "$START_TRIES" ] || return 1
    sleep 0.2
  done
}
