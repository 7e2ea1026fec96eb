# shellcheck shell=bash disable=SC2154
# Our own daemons on the lab's hosts; sourced by lab.sh. State, configuration and sockets of host HOST are in /run/lab/HOST, so that a
# daemon that is stopped and started again finds what it left. Processes: HOST-camera, HOST-recorder, HOST-companion.

lab_on_bus() { # NAME: whether it has an owner on the system bus
	[ "$(busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus NameHasOwner s "$1" 2>/dev/null)" = 'b true' ]
}

# lab_config FILE SECTION KEY VALUE: sets one key of a configuration file, and makes the section when it is not there.
lab_config() {
	touch "$1"
	awk -v section="[$2]" -v key="$3" -v line="$3 = $4" '
		function put() { if (!done) print line; done = 1 }
		$0 == section { print; put(); inside = 1; next }
		/^\[/ { inside = 0 }
		inside && $1 == key { next }
		{ print }
		END { if (!done) { print section; print line } }' "$1" >"$1.new"
	mv "$1.new" "$1"
}

# lab_ready PROCESS SECONDS CONDITION: the daemon that was just started is there when the condition holds. Inside lab_together, that is
# waited for at its end.
lab_ready() {
	[ -z "${lab_gathering-}" ] || {
		lab_gathered+=("$1 $2 $3")
		return 0
	}
	lab_wait "$2" "$3 || ! lab_alive $1" "$1 is ready"
	lab_alive "$1" || lab_fail "$1 ended: $(tail -n 1 "$LAB_ARTIFACTS/$1.log")"
}

# lab_together COMMAND...: several of the commands below, each one word of arguments; the daemons start side by side, which an emulated
# processor thanks for.
lab_together() {
	local command process seconds condition
	lab_gathered=() lab_gathering=yes
	for command; do $command; done
	lab_gathering=''
	for command in "${lab_gathered[@]}"; do
		read -r process seconds condition <<<"$command"
		lab_ready "$process" $((seconds * 2)) "$condition"
	done
}

# lab_camera_config HOST: /run/lab/HOST/camera.conf, made the first time and kept: a scenario may change it with lab_config afterwards.
lab_camera_config() {
	local host=$1 folder=$lab_run/$1
	# The kernel has Bluetooth only in the first namespace: the daemon starts there and enters its host's.
	[ -e "$folder/camera.conf" ] || cat >"$folder/camera.conf" <<-CONF
		[camera]
		serial = LAB-${host^^}
		model = Lab camera
		adapter = $(<"$folder/adapter")
		[buttons]
		event_device = Lanyard lab buttons of $host
		function_device = Lanyard lab buttons of $host
		[wifi]
		hostapd_control = $folder/hostapd/wlan0
		ap_interface = wlan0
		namespace = /run/netns/$host
	CONF
}

# lab_camera HOST [OPTION...]: cam-radiod with the host's adapter, buttons and access point.
lab_camera() {
	local host=$1 folder=$lab_run/$1
	shift
	lab_camera_config "$host"
	mkdir -p "$folder/camera"
	lab_start "$host-camera" cam-radiod --config "$folder/camera.conf" --state "$folder/camera" --instance "$host" "$@"
	lab_ready "$host-camera" 10 "lab_on_bus org.lanyard.Camera.$host"
}

# lab_recorder HOST [OPTION...]: cam-recorder with its test picture, small and slow because the processor is emulated.
lab_recorder() {
	local host=$1 folder=$lab_run/$1
	shift
	[ -e "$folder/recorder.conf" ] || cat >"$folder/recorder.conf" <<-CONF
		[camera]
		serial = LAB-${host^^}
		[video]
		width = 320
		height = 180
		framerate = 5
	CONF
	mkdir -p "$folder/recorder"
	lab_start "$host-recorder" cam-recorder --config "$folder/recorder.conf" --state "$folder/recorder" --instance "$host" "$@"
	lab_ready "$host-recorder" 30 "lab_on_bus org.lanyard.Recorder.$host"
}

# lab_companion_config HOST: the same for companiond, with Wi-Fi if lab_supplicant was called before.
lab_companion_config() {
	local host=$1 folder=$lab_run/$1
	[ ! -e "$folder/companion.conf" ] || return 0
	cat >"$folder/companion.conf" <<-CONF
		[companion]
		name = $host
		adapter = $(<"$folder/adapter")
		[http]
		socket = $folder/http/http.socket
		page = ${LAB%/lab}/companion/web/dist
		[wifi]
		namespace = /run/netns/$host
	CONF
	[ ! -S "$folder/supplicant/wlan0" ] ||
		printf '%s\n' "supplicant_control = $folder/supplicant/wlan0" 'interface = wlan0' >>"$folder/companion.conf"
}

# lab_companion HOST [OPTION...]: companiond with the host's adapter.
lab_companion() {
	local host=$1 folder=$lab_run/$1
	shift
	lab_companion_config "$host"
	mkdir -p "$folder/companion" "$folder/http"
	chmod 700 "$folder/http"
	lab_start "$host-companion" companiond --config "$folder/companion.conf" --state "$folder/companion" "$@"
	lab_ready "$host-companion" 10 "lab_answers $host"
}

lab_companion_socket() { # HOST
	echo "$lab_run/$1/http/http.socket"
}

lab_companion_token() { # HOST: the file that holds it
	echo "$lab_run/$1/http/token"
}

# Whether companiond of HOST answers on its socket.
lab_answers() {
	curl -sf --max-time 2 -o /dev/null --unix-socket "$(lab_companion_socket "$1")" http://localhost/api/status
}

# lab_relay HOST PORT: what reaches PORT of the guest from outside goes to 127.0.0.1:PORT of that host (for --forward PORT).
lab_relay() {
	local host=$1 port=$2 socket=$lab_run/$1/relay.socket
	lab_start_on "$host" relay socat "UNIX-LISTEN:$socket,fork,unlink-early" "TCP:127.0.0.1:$port"
	lab_wait 5 "[ -S '$socket' ]" 'the relay'
	lab_start "relay-$port" socat "TCP-LISTEN:$port,fork,reuseaddr" "UNIX-CONNECT:$socket"
	lab_wait 5 "ss -Hltn 'sport = :$port' | grep -q ." "port $port of the guest"
}

# --- asking the daemons --------------------------------------------------------------------------------------------------

# lab_camera_says HOST PROPERTY: a property of org.lanyard.Camera1, text without quotes ("open", "true", "").
lab_camera_says() {
	busctl --json=short get-property "org.lanyard.Camera.$1" /org/lanyard/Camera1 org.lanyard.Camera1 "$2" 2>/dev/null | jq -r .data
}

# lab_ask HOST PATH [FILTER]: the companion's API on its socket ("/api/status"), through jq.
lab_ask() {
	curl -s --max-time 20 --unix-socket "$(lab_companion_socket "$1")" "http://localhost$2" | jq -r "${3:-.}"
}

# lab_api HOST METHOD PATH [JSON]: the same for requests that change something; prints the answer's body, fails unless 2xx.
lab_api() {
	local host=$1 method=$2 path=$3
	shift 3
	curl -s --fail-with-body --max-time 60 --unix-socket "$(lab_companion_socket "$host")" -X "$method" \
		-H 'Content-Type: application/json' ${1+--data "$1"} "http://localhost$path"
}

# lab_pair CAMERA COMPANION: buttons, code compared on both ends, Event pressed; until both say that they are paired.
lab_pair() {
	local camera=$1 companion=$2 code out=$lab_run/$2/pair.json status=0
	lab_press "$camera" 'both 2500'
	lab_wait 5 "[ \"\$(lab_camera_says $camera Pairing)\" = open ]" 'the pairing window'
	lanyard companion pair --json --socket "$(lab_companion_socket "$companion")" >"$out" 2>"$out.err" &
	local pairing=$!
	lab_wait 40 "[ \"\$(lab_camera_says $camera Pairing)\" = confirming ] || ! kill -0 $pairing 2>/dev/null" 'a code on the camera'
	code=$(lab_camera_says "$camera" PairingCode)
	lab_wait 5 "[ \"\$(lab_ask $companion /api/status '.pairing.code // empty')\" = '$code' ]" "the same code on both ends ($code)"
	lab_press "$camera" 'click event'
	wait "$pairing" || status=$?
	[ "$status" = 0 ] || lab_fail "pairing: $(cat "$out.err")"
}

# lab_live COMPANION [SECONDS]: waits for its session.
lab_live() {
	lab_wait "${2:-20}" "[ \"\$(lab_ask $1 /api/status .state)\" = live ]" "a live session of $1"
}
