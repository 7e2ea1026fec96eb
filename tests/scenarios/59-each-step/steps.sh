# shellcheck shell=bash disable=SC2154
# The steps of the main job, each up to its middle, and what has to hold after something went wrong there: for 59-each-step and
# 64-each-step-hung, which source this and begin with `steps_begin`.
processes=(bluetoothd cam1-hostapd phone1-supplicant cam1-recorder cam1-camera phone1-companion)

steps_begin() {
	lab_whole 0
	id=$(lab_ask phone1 /api/recordings '.recordings[0].id')
	whole=$(lab_ask phone1 /api/recordings '.recordings[0].sha256')
	tags=0
}

says() { [ "$(lab_camera_says cam1 "$1")" = "$2" ]; }
records() { [ "$(lab_recorder_says cam1)" = event ]; }
plays() { [ "$(lab_play phone1 "$id" | sha256sum | cut -d' ' -f1)" = "$whole" ]; }
mode() { lab_ask phone1 /api/status .wifi.mode; }
# in_background METHOD PATH [JSON]: somebody is in the middle of it when the daemon dies. How it ends is his business.
in_background() {
	curl -s --max-time 60 --unix-socket "$(lab_companion_socket phone1)" -H 'Content-Type: application/json' -X "$1" ${3+-d "$3"} \
		"http://localhost$2" >/dev/null 2>&1 &
	waiting+=($!)
}

# --- the steps, each up to its middle

at_window() {
	lab_press cam1 'both 2500'
	lab_wait 10 'says Pairing open' 'the pairing window'
}
at_code() { lab_pair_code cam1 phone1; }
at_rest() { true; }
at_list() { in_background GET /api/recordings; }
at_start() {
	in_background POST /api/wifi
	lab_wait 10 '[ "$(mode)" != off ]' 'the access point was asked for'
}
at_join() {
	in_background POST /api/wifi
	lab_wait 20 '[[ "$(mode)" =~ ^(joining|media-ready)$ ]]' 'the companion joins'
}
at_play() {
	lab_wifi_up phone1
	in_background GET "/api/recordings/$id/media"
}
at_tag() {
	tags=$((tags + 1))
	in_background PUT "/api/recordings/$id/tag" "{\"category\":\"Traffic stop\",\"note\":\"$tags\"}"
}

# at STEP: a recording goes on, and the job is in the middle of that step.
at() {
	waiting=()
	records || lab_api phone1 POST /api/record '{"start":true}' >/dev/null
	lab_wait 20 records 'it records'
	"at_$1"
	lab_clock
	began=$lab_now
}

# recovers STEP WHAT: whatever happened to it there, everything comes back by itself.
recovers() {
	local process
	# An unfinished pairing is given up, as a person would.
	[ "$1" != code ] || lab_api phone1 DELETE /api/pair >/dev/null 2>&1 || true
	[ "$1" != code ] || lab_pair_end || true
	for process in "${waiting[@]}"; do wait "$process" || true; done
	lab_api phone1 DELETE /api/wifi >/dev/null 2>&1 || true
	lab_idle cam1 phone1 60
	lab_live phone1 90 # while its window is open, which is a minute, the camera says nothing else
	lab_wait 30 '[ "$(lab_ask phone1 /api/recordings ".recordings | length")" -gt 0 ]' 'the recordings are listed'
	lab_clock
	lab_say "ok  $2: live, listed, radios off $((lab_now - began)) ms later"
	for process in dbus "${processes[@]}"; do lab_alive "$process" || lab_fail "$2, and $process is gone"; done
}

# The whole job once more, and what became of the recordings.
steps_end() {
	lab_pair cam1 phone1
	lab_live phone1
	lab_wifi_up phone1
	lab_check 'after all of that: paired anew, and it plays' plays
	lab_api phone1 DELETE /api/wifi >/dev/null
	lab_idle cam1 phone1 15
	# shellcheck disable=SC2034 # for the caller
	states=$(lab_ask phone1 /api/recordings '[.recordings[].state] | unique | join(" ")')
}
