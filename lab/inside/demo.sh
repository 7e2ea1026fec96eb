#!/usr/bin/env bash
# Inside the guest: the main job, from two buttons to a picture and back to silence. Speaks to lab/demo on the host through lines
# that begin with "@": begin NAME TEXT, ok NAME MILLISECONDS JSON ("-": the host measures, as it must for a boot), failed NAME TEXT,
# note TEXT, camera JSON (what the paired companion knows of it), page TOKEN.
# shellcheck source=lab/inside/lab.sh
. "$LAB/inside/lab.sh"

step='' step_began=0

step() { # NAME TEXT
	lab_clock
	step=$1 step_began=$lab_now
	echo "@begin $1 ${*:2}"
}

done_with() { # JSON, [MILLISECONDS]
	lab_clock
	echo "@ok $step ${2:-$((lab_now - step_began))} $1"
	step=''
}

note() {
	echo "@note $*"
}

# The trap of lab.sh says what failed; this adds which step it was, in the demo's own language.
demo_end() {
	local status=$?
	[ "$status" = 0 ] || [ -z "$step" ] || echo "@failed $step see the lines above"
	set +e
	trap - ERR
	(exit "$status") # what lab_end asks for
	lab_end
}
trap demo_end EXIT

camera() { # property of org.lanyard.Camera1
	lab_camera_says cam1 "$1"
}

companion() { # HOST WORD...
	local host=$1
	shift
	lanyard companion "$@" --socket "$(lab_companion_socket "$host")"
}

status_of() { # HOST FILTER
	lab_ask "$1" /api/status "$2"
}

# pair HOST: presses the buttons, pairs, compares the codes as a person would, presses Event. Prints the code.
pair() {
	local host=$1 code out=$lab_run/$1/pair.json
	lab_press cam1 'both 2500'
	lab_wait 5 '[ "$(camera Pairing)" = open ]' 'the pairing window'
	companion "$host" pair --json >"$out" 2>"$out.err" &
	local waiting=$!
	lab_wait 30 '[ "$(camera Pairing)" = confirming ]' 'a code on the camera'
	code=$(camera PairingCode)
	lab_wait 5 "[ \"\$(status_of $host '.pairing.code // empty')\" = '$code' ]" "the same code on the companion and the camera ($code)"
	note "camera and companion both show $code: confirmed on the companion, and with Event on the camera"
	companion "$host" confirm "$code" >/dev/null
	lab_press cam1 'click event'
	wait "$waiting" || lab_fail "$(cat "$out.err")"
}

# ----------------------------------------------------------------------------------------------------------------- the lab

mkdir -p "$lab_run/cam1/recorder"
cp -a "$DEMO_RECORDINGS/." "$lab_run/cam1/recorder/" # made natively; this folder is writable, the host's is not
lab_together 'lab_bluetooth 4' 'lab_radios 2' 'lab_host cam1 hci0' 'lab_host phone1 hci1' 'lab_host phone2 hci2 none' 'lab_hostapd cam1' \
	'lab_supplicant phone1' 'lab_buttons cam1'
echo "@ok lab - {\"kernel\": \"$(</proc/sys/kernel/osrelease)\", \"bluez\": \"$DEMO_BLUEZ\", \"hosts\": [\"cam1\", \"phone1\", \"phone2\"]}"

lab_keys() {
	lanyard signal keys "$lab_run/signal.keys" >/dev/null
	lab_camera_signal cam1 "$lab_run/signal.keys"
	lanyard slate keys "$lab_run/cameras.keys" LAB-CAM1 LAB-CAM2 >/dev/null
	lab_camera_slate cam1 "$lab_run/cameras.keys"
}
step daemons 'the camera'"'"'s recorder and radio daemon, and two companions'
lab_together lab_keys 'lab_recorder cam1' 'lab_camera cam1' 'lab_companion phone1' 'lab_companion phone2'
done_with '{"camera": ["cam-recorder", "cam-radiod"], "companions": ["companiond", "companiond"]}'

# ------------------------------------------------------------------------------------------------------------------- steps

step buttons 'one button, then the two too far apart: nothing may happen; then both together'
lab_press cam1 'click event 2500'
[ "$(camera Pairing)" = closed ] || lab_fail 'Event alone opened the pairing window'
lab_press cam1 'both 2500 900'
[ "$(camera Pairing)" = closed ] || lab_fail 'buttons 900 ms apart opened the pairing window'
lab_press cam1 'both 2500'
lab_wait 5 '[ "$(camera Pairing)" = open ]' 'the pairing window'
done_with '{"alone": "closed", "apart": "closed", "together": "open"}'

step pair 'a first companion pairs, then the second one takes its place'
pair phone2
old=$(camera CompanionFingerprint)
pair phone1
new=$(camera CompanionFingerprint)
[ -n "$old" ] && [ "$new" != "$old" ] || lab_fail 'the old pairing was not replaced'
done_with "$(jq -nc --arg code "$(jq -r .code "$lab_run/phone1/pair.json")" --arg old "$old" --arg new "$new" \
	'{code: $code, replaced: $old, companion: $new}')"

step session 'a new connection with keys of its own'
lab_wait 20 '[ "$(status_of phone1 .state)" = live ]' 'a live session'
[ "$(status_of phone2 .state)" != live ] || lab_fail 'the replaced companion still has a session'
companion phone1 status --json >"$lab_run/session.json"
done_with "$(jq -c '{serial: .camera.serial, recorder: .camera.recorder}' "$lab_run/session.json")"
echo "@camera $(jq -c '.camera | {serial, model, fingerprint}' "$lab_run/session.json")"

step list 'recordings with thumbnails, over Bluetooth'
companion phone1 list --json >"$lab_run/list.json"
count=$(jq '.recordings | length' "$lab_run/list.json")
[ "$count" -ge 3 ] || lab_fail "$count recordings listed, at least 3 expected"
jq -e 'all(.recordings[]; .duration_ms > 0 and .size > 0 and .started_us > 0 and .thumbnail)' "$lab_run/list.json" >/dev/null ||
	lab_fail 'a recording without duration, size, time or thumbnail'
thumbnail_bytes=0
while read -r id; do
	curl -sf --unix-socket "$(lab_companion_socket phone1)" "http://localhost/api/recordings/$id/thumbnail" -o "$lab_run/thumbnail.jpg"
	[ "$(od -An -tx1 -N3 "$lab_run/thumbnail.jpg" | tr -d ' ')" = ffd8ff ] || lab_fail "the thumbnail of $id is no JPEG"
	thumbnail_bytes=$((thumbnail_bytes + $(stat -c %s "$lab_run/thumbnail.jpg")))
done < <(jq -r '.recordings[].id' "$lab_run/list.json")
done_with "$(jq -c --argjson bytes "$thumbnail_bytes" '{recordings: (.recordings | length), thumbnail_bytes: $bytes}' "$lab_run/list.json")"

step ap 'the camera raises its hidden access point'
companion phone1 ap --json >"$lab_run/wifi.json"
stages=$(jq -c .stages "$lab_run/wifi.json")
done_with '{}' "$(jq .up_ms <<<"$stages")"
step join 'the companion joins it'
done_with '{}' "$(jq .join_ms <<<"$stages")"
step media 'the camera dials the companion; the video channel is ready'
[ "$(camera Wifi)" = media-ready ] || lab_fail 'the camera does not say that the video channel is ready'
done_with "$stages" "$(jq .media_ms <<<"$stages")"

step play 'one whole recording through the companion, compared with what the recorder noted at capture'
# The longest one: most bytes.
read -r id size sha256 < <(jq -r '.recordings | max_by(.size) | "\(.id) \(.size) \(.sha256)"' "$lab_run/list.json")
got=$(companion phone1 play "$id" | sha256sum | cut -d' ' -f1)
[ "$got" = "$sha256" ] || lab_fail "SHA-256 of what was played: $got, at capture: $sha256"
done_with "$(jq -nc --arg id "$id" --argjson bytes "$size" --arg sha256 "$got" '{id: $id, bytes: $bytes, sha256: $sha256}')"

step tag 'category, case number, note and position; read back after the daemons of the camera were restarted'
companion phone1 tag "$id" --category 'Traffic stop' --case '2026-004711' --note 'Driver "cooperative", ünïcode' --position 59.3293,18.0686 >/dev/null
lab_stop cam1-recorder
lab_stop cam1-camera
lab_together 'lab_recorder cam1' 'lab_camera cam1'
lab_wait 30 '[ "$(status_of phone1 .state)" = live ]' 'the session after the restart'
tag=$(companion phone1 list --json | jq -c --arg id "$id" '.recordings[] | select(.id == $id) | .tag')
jq -e '.category == "Traffic stop" and .case_number == "2026-004711" and .note == "Driver \"cooperative\", ünïcode"
	and ((.latitude - 59.3293) | fabs) < 0.000001 and ((.longitude - 18.0686) | fabs) < 0.000001' <<<"$tag" >/dev/null ||
	lab_fail "read back: $tag"
done_with "$tag"

step close 'access point down, interface down, nothing of its secret left, Bluetooth session still up'
companion phone1 ap >/dev/null
[ "$(camera Wifi)" = media-ready ] || lab_fail 'the access point did not come up again after the restart'
ssid=$(hostapd_cli -p "$lab_run/cam1/hostapd" -i wlan0 status | sed -n 's/^ssid\[0\]=//p')
companion phone1 close >/dev/null
lab_wait 10 '[ "$(camera Wifi)" = off ]' 'the camera says that Wi-Fi is off'
lab_wait 5 '! ip -n cam1 link show wlan0 | grep -q "[<,]UP[,>]"' "the camera's interface down"
hostapd_cli -p "$lab_run/cam1/hostapd" -i wlan0 status >"$lab_run/hostapd.status"
grep -q '^state=DISABLED' "$lab_run/hostapd.status" || lab_fail 'hostapd is not disabled'
! grep -qF "$ssid" "$lab_run/hostapd.status" || lab_fail 'hostapd still knows the network name'
networks=$(wpa_cli -p "$lab_run/phone1/supplicant" -i wlan0 list_networks | tail -n +2)
[ -z "$networks" ] || lab_fail "the companion's supplicant still knows a network: $networks"
[ "$(status_of phone1 .state)" = live ] || lab_fail 'the Bluetooth session did not survive'
done_with '{"interface": "down", "hostapd": "disabled", "networks": 0, "session": "live"}'

step signal 'a vehicle calls over Bluetooth, and the camera records'
lab_wait 10 '[ "$(camera Recorder)" = buffering ]' 'the recorder is buffering'
lab_start vehicle lanyard signal send --adapter hci3 --state "$lab_run/vehicle" --keys "$lab_run/signal.keys" --sender 7 --kind light-bar --seconds 60
lab_wait 30 '[ "$(camera Recorder)" = event ]' 'the camera records'
lab_stop vehicle
busctl call org.lanyard.Recorder.cam1 /org/lanyard/Recorder1 org.lanyard.Recorder1 Stop s demo >/dev/null
started=$(companion phone1 list --limit 1 --json | jq -c '.recordings[0] | {id, reason}')
[ "$(jq -r .reason <<<"$started")" = signal:light-bar ] || lab_fail "the newest recording says: $started"
done_with "$started"

step slate 'two cameras that record near each other; their logs tell it, and how far their clocks were apart'
recorder_of() { busctl call "org.lanyard.Recorder.$1" /org/lanyard/Recorder1 org.lanyard.Recorder1 "${@:2}" >/dev/null; }
# The second camera gets the adapter that the vehicle had.
lab_host cam2 hci3 none
lab_buttons cam2
lab_camera_slate cam2 "$lab_run/cameras.keys"
lab_config "$lab_run/cam2/camera.conf" signal keys "$lab_run/signal.keys"
lab_together 'lab_recorder cam2' 'lab_camera cam2'
# An entry has 80 bytes.
log_size() { stat -c %s "$lab_run/$1/camera/slate"; }
# shellcheck disable=SC2034 # for the condition
before1=$(log_size cam1) before2=$(log_size cam2)
recorder_of cam1 Start 'sa{sv}' demo 0
recorder_of cam2 Start 'sa{sv}' demo 0
lab_wait 60 '[ "$(log_size cam1)" -ge $((before1 + 160)) ] && [ "$(log_size cam2)" -ge $((before2 + 160)) ]' 'each has heard the other'
for camera in cam1 cam2; do
	lanyard slate head --instance "$camera" >"$lab_run/$camera.head"
	recorder_of "$camera" Stop s demo
	lanyard slate verify "$lab_run/$camera/camera/slate" --head "$lab_run/$camera.head" >/dev/null
done
meeting=$(lanyard slate resolve --json --keys "$lab_run/cameras.keys" --html "$LAB_ARTIFACTS/slate.html" "$lab_run"/cam[12]/camera/slate | jq -c '.meetings[0]')
jq -e '.confidence == "high" and .clock_difference.least_us <= 0 and .clock_difference.most_us >= 0' <<<"$meeting" >/dev/null ||
	lab_fail "resolved: $meeting"
done_with "$(jq -c '{cameras, confidence, heard: [.heard[].count], clock_difference}' <<<"$meeting")"

step silence 'radio silence: the camera hears a vehicle and records, and sends nothing'
sent() {
	lab_air 'sent 0'
	lab_wait 5 "[ \"\$(lab_log_count air '^hci0 has sent')\" -gt ${1:-0} ]" 'the packets of hci0'
	grep '^hci0 has sent' "$LAB_ARTIFACTS/air.log" | tail -n 1 | cut -d' ' -f4
}
lab_stop cam1-camera
lab_config "$lab_run/cam1/camera.conf" policy stealth silent
lab_camera cam1
before=$(sent 0)
lab_start vehicle2 lanyard signal send --adapter hci3 --state "$lab_run/vehicle" --keys "$lab_run/signal.keys" --sender 7 --kind siren --seconds 60
lab_wait 90 '[ "$(lab_camera_says cam1 Recorder)" = event ]' 'the silent camera records'
lab_stop vehicle2
after=$(sent 1)
[ "$before" -gt 0 ] && [ "$after" = "$before" ] || lab_fail "the camera has sent $((after - before)) packets"
recorder_of cam1 Stop s demo
done_with "$(jq -nc --argjson sent $((after - before)) '{packets_sent: $sent, recorded: "signal:siren"}')"

# --------------------------------------------------------------------------------------------------------------- the page

[ -z "${DEMO_PAGE-}" ] || {
	lab_stop cam1-camera
	lab_config "$lab_run/cam1/camera.conf" policy stealth off
	lab_camera cam1
	lab_wait 30 '[ "$(status_of phone1 .state)" = live ]' 'the session after the silence'
	lab_relay phone1 8620
	echo "@page $(cat "$(lab_companion_token phone1)")"
	# The host asks for button presses and the end by files: a browser test is a user with two thumbs.
	until [ -e "$LAB_ARTIFACTS/end" ]; do
		if [ -e "$LAB_ARTIFACTS/press" ]; then
			lab_press cam1 "$(cat "$LAB_ARTIFACTS/press")"
			rm "$LAB_ARTIFACTS/press"
		fi
		lab_pause 0.1
	done
}
