#!/usr/bin/env bash
# Inside the guest: a camera with recordings and a companion that are not paired, and the companion's page on the forwarded port. The host
# asks for button presses and for the end by files in the shared folder.
# shellcheck source=lab/inside/lab.sh
. "$LAB/inside/lab.sh"

lab_bluetooth 2
lab_radios 2
lab_host cam1 hci0
lab_host phone1 hci1
lab_hostapd cam1
lab_supplicant phone1
lab_buttons cam1
mkdir -p "$lab_run/cam1/recorder"
cp -a "$PAGE_RECORDINGS/." "$lab_run/cam1/recorder/"
lab_camera_config cam1
lab_config "$lab_run/cam1/camera.conf" policy record_stop yes
lab_companion_config phone1
lab_config "$lab_run/phone1/companion.conf" http port "$PAGE_PORT"
lab_together 'lab_recorder cam1' 'lab_camera cam1' 'lab_companion phone1'
lab_relay phone1 "$PAGE_PORT"
echo "@page $(cat "$(lab_companion_token phone1)")"
until [ -e "$LAB_ARTIFACTS/end" ]; do
	if [ -e "$LAB_ARTIFACTS/press" ]; then
		lab_press cam1 "$(cat "$LAB_ARTIFACTS/press")"
		rm "$LAB_ARTIFACTS/press"
	fi
	lab_pause 0.1
done
