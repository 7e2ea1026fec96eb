# shellcheck shell=bash disable=SC2154
# Our own daemons on the lab's hosts; sourced by lab.sh. State, configuration and sockets of host HOST are in /run/lab/HOST, so that a
# daemon that is stopped and started again finds what it left. Processes: HOST-camera, HOST-recorder, HOST-companion.

lab_on_bus() { # NAME: whether it has an owner on the system bus
	lab_query owner "$1"
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

# lab_ready PROCESS SECONDS CONDITION: the process that was just started has done its part when the condition holds. Inside lab_together,
# that is waited for at its end.
lab_ready() {
	[ -z "${lab_gathering-}" ] || {
		lab_gathered+=("$1 $2 $3")
		return 0
	}
	lab_wait "$2" "$3 || ! lab_alive $1" "$1 is ready"
	lab_alive "$1" || lab_fail "$1 ended: $(tail -n 1 "$LAB_ARTIFACTS/$1.log")"
}

# lab_together COMMAND...: several of the commands that begin something, each one word with its arguments; what they begin comes up side by
# side, which an emulated processor with two cores thanks for.
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

# lab_camera_config HOST: /run/lab/HOST/camera.conf, with Wi-Fi if lab_hostapd was called before; made the first time and kept: a scenario
# may change it with lab_config afterwards.
lab_camera_config() {
	local host=$1 folder=$lab_run/$1
	[ ! -e "$folder/camera.conf" ] || return 0
	# The kernel has Bluetooth only in the first namespace: the daemon starts there and enters its host's.
	cat >"$folder/camera.conf" <<-CONF
		[camera]
		serial = LAB-${host^^}
		model = Lab camera
		adapter = $(<"$folder/adapter")
		[buttons]
		event_device = Lanyard lab buttons of $host
		function_device = Lanyard lab buttons of $host
		[wifi]
		namespace = /run/netns/$host
	CONF
	[ ! -S "$folder/hostapd/wlan0" ] ||
		printf '%s\n' "hostapd_control = $folder/hostapd/wlan0" 'ap_interface = wlan0' >>"$folder/camera.conf"
}

# lab_camera_signal HOST KEYS, lab_camera_slate HOST KEY: the same, and the camera answers calls, or logs who is near; with which keys.
lab_camera_signal() {
	lab_camera_config "$1"
	lab_config "$lab_run/$1/camera.conf" signal enabled yes
	lab_config "$lab_run/$1/camera.conf" signal keys "$2"
}

lab_camera_slate() {
	lab_camera_config "$1"
	lab_config "$lab_run/$1/camera.conf" slate enabled yes
	lab_config "$lab_run/$1/camera.conf" slate key "$2"
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
	printf '%s\n' "$lab_run/$1/http/http.socket"
}

lab_companion_token() { # HOST: the file that holds it
	echo "$lab_run/$1/http/token"
}

# Whether companiond of HOST answers on its socket.
lab_answers() {
	lab_query http "$(lab_companion_socket "$1")" GET /api/status 2 >/dev/null
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

# lab_camera_says HOST PROPERTY [KEY]: a property of org.lanyard.Camera1, text without quotes ("open", "true", ""); of a dictionary its
# entry KEY.
lab_camera_says() {
	lab_query property "org.lanyard.Camera.$1" /org/lanyard/Camera1 org.lanyard.Camera1 "${@:2}"
}

# lab_ask HOST PATH [FILTER]: the companion's API on its socket ("/api/status"), through jq.
lab_ask() {
	lab_query http "$(lab_companion_socket "$1")" GET "$2" 20 "${3:-.}"
}

# lab_api HOST METHOD PATH [JSON]: the same for requests that change something; prints the answer's body, fails unless 2xx.
lab_api() {
	local host=$1 method=$2 path=$3
	shift 3
	lab_query http "$(lab_companion_socket "$host")" "$method" "$path" 60 ${1+'' "$1"}
}

# lab_pair_code CAMERA COMPANION: buttons, then pairing until both ends show the same code, in $lab_code. The companion's command goes on in
# the background: `lab_pair_end COMPANION` waits for it.
lab_pair_code() {
	local camera=$1 companion=$2 out=$lab_run/$2/pair.json
	lab_press "$camera" 'both 2500'
	lab_wait 5 "[ \"\$(lab_camera_says $camera Pairing)\" = open ]" 'the pairing window'
	lanyard companion pair --json --socket "$(lab_companion_socket "$companion")" >"$out" 2>"$out.err" &
	lab_pairing=$!
	lab_wait 40 "[ \"\$(lab_camera_says $camera Pairing)\" = confirming ] || ! kill -0 $lab_pairing 2>/dev/null" 'a code on the camera'
	lab_code=$(lab_camera_says "$camera" PairingCode)
	[ -n "$lab_code" ] || lab_fail "pairing: $(cat "$out.err" "$out")"
	lab_wait 5 "[ \"\$(lab_ask $companion /api/status '.pairing.code // empty')\" = '$lab_code' ]" "the same code on both ends ($lab_code)"
}

# lab_pair_answer COMPANION: the person at the companion finds the codes equal ($lab_code is the one read from the camera).
lab_pair_answer() {
	lab_api "$1" POST /api/pair/confirm "{\"code\":\"$lab_code\"}"
}

# Its exit status; what it printed is in /run/lab/COMPANION/pair.json and pair.json.err.
lab_pair_end() {
	local status=0
	wait "$lab_pairing" || status=$?
	return "$status"
}

# lab_pair CAMERA COMPANION: all of it, answered at both ends.
lab_pair() {
	lab_pair_code "$1" "$2"
	lab_press "$1" 'click event'
	lab_pair_answer "$2"
	lab_pair_end || lab_fail "pairing: $(cat "$lab_run/$2/pair.json.err" "$lab_run/$2/pair.json")"
}

# lab_live COMPANION [SECONDS]: waits for its session.
lab_live() {
	lab_wait "${2:-20}" "[ \"\$(lab_ask $1 /api/status .state)\" = live ]" "a live session of $1"
}

# lab_make HOST COUNT SECONDS: recordings of the test picture in the host's recorder, before lab_recorder starts it.
lab_make() {
	local folder=$lab_run/$1
	mkdir -p "$folder/recorder"
	lab_config "$folder/make.conf" video width 320
	lab_config "$folder/make.conf" video height 180
	lab_config "$folder/make.conf" video framerate 5
	cam-recorder --config "$folder/make.conf" --state "$folder/recorder" --make "$2" --seconds "$3" 2>"$LAB_ARTIFACTS/$1-make.log"
}

# lab_apart [STRANGERS]: camera cam1 with one recording and companion phone1, not yet paired; adapters for strangers from hci2 on.
lab_apart() {
	lab_make cam1 1 2 >/dev/null &
	lab_making=$!
	lab_together "lab_bluetooth $((2 + ${1:-0}))" 'lab_radios 2' 'lab_host cam1 hci0' 'lab_host phone1 hci1' 'lab_hostapd cam1' 'lab_supplicant phone1' \
		'lab_buttons cam1' lab_made 'lab_recorder cam1' 'lab_camera cam1' 'lab_companion phone1'
	lab_say 'ok  the lab is there'
}

lab_made() {
	wait "$lab_making" || lab_fail "no recording: $(tail -n 1 "$LAB_ARTIFACTS/cam1-make.log")"
}

# lab_whole [STRANGERS]: the same, paired and live: what most scenarios begin with.
lab_whole() {
	lab_apart "$@"
	lab_pair cam1 phone1
	lab_live phone1
	lab_say 'ok  camera and companion, paired and live'
}

# lab_counter CAMERA NAME: one of its counters.
lab_counter() {
	local count
	count=$(lab_camera_says "$1" Counters "$2")
	echo "${count:-0}"
}

# lab_recorder_says HOST: the recorder's own state.
lab_recorder_says() {
	lab_query property "org.lanyard.Recorder.$1" /org/lanyard/Recorder1 org.lanyard.Recorder1 State
}

# --- the handover --------------------------------------------------------------------------------------------------------

# lab_wifi_up COMPANION [SECONDS]: asks for the camera's access point, until the video channel is ready.
lab_wifi_up() {
	lab_api "$1" POST /api/wifi >/dev/null
	lab_wait "${2:-40}" "[ \"\$(lab_ask $1 /api/status .wifi.mode)\" = media-ready ] || [ \"\$(lab_ask $1 /api/status .wifi.reason)\" != null ]" 'the video channel'
	[ "$(lab_ask "$1" /api/status .wifi.mode)" = media-ready ] || lab_fail "no video channel: $(lab_ask "$1" /api/status .wifi)"
}

# Whether HOST's radio is off the air: interface down.
lab_radio_off() {
	! ip -n "$1" -o link show wlan0 | grep -q '[<,]UP[,>]'
}

# lab_idle CAMERA COMPANION SECONDS: until both have nothing of Wi-Fi left.
lab_idle() {
	lab_wait "$3" "[ \"\$(lab_camera_says $1 Wifi)\" = off ] && lab_radio_off $1" "Wi-Fi of $1 off"
	lab_wait "$3" "lab_radio_off $2" "Wi-Fi of $2 off"
}

# lab_play COMPANION ID [CURL-OPTION...]: the recording through the companion.
lab_play() {
	local socket id=$2
	socket=$(lab_companion_socket "$1")
	shift 2
	curl -sf --max-time 60 --unix-socket "$socket" "$@" "http://localhost/api/recordings/$id/media"
}
