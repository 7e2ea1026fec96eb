# shellcheck shell=bash
# For scripts that run inside a guest: `. "$LAB/inside/lab.sh"`. Functions in this order: time and checks, processes, Bluetooth,
# hosts and Wi-Fi, buttons and lines, strangers. docs/lab.md shows how they are used. Nothing here sleeps for a fixed time:
# everything waits for a condition with a deadline.
#
# A script that uses it runs under `set -e`; at its end every process is stopped, the last first.
set -Eeuo pipefail

lab_run=/run/lab
declare -A lab_pids=()
lab_order=()
exec {lab_never}<> <(:)
exec {lab_output}>&1 # what is said is seen, also inside a function whose output goes elsewhere
mkdir -p "$lab_run"
mkfifo "$lab_run/asked" "$lab_run/answers"
exec {lab_asked}<>"$lab_run/asked" {lab_answers}<>"$lab_run/answers"
exec {lab_turn}<> <(:) # holds one byte: whose turn it is to ask
printf . >&"$lab_turn"
"$LAB_BUILD/lab/lab-ask" <"$lab_run/asked" >"$lab_run/answers" &

# --- time and checks -----------------------------------------------------------------------------------------------------

# Milliseconds since boot, in $lab_now.
lab_clock() {
	local up
	IFS=' ' read -r up _ </proc/uptime # a trap may run inside a function that has another IFS
	lab_now=$((10#${up/./} * 10))
}

lab_say() {
	local IFS=' '
	lab_clock
	printf '%4d.%02d  %s\n' $((lab_now / 1000)) $((lab_now / 10 % 100)) "$*" >&"$lab_output"
}

lab_fail() {
	lab_say "FAILED: $*"
	exit 1
}

# lab_pause SECONDS: nothing happens; no program is started for it, which costs an emulated processor more than a short pause takes.
lab_pause() { read -rt "$1" -u "$lab_never" || true; }

# lab_wait SECONDS CONDITION [WHAT [COMMAND]]: until the shell text CONDITION is true; fails at the deadline, after COMMAND.
lab_wait() {
	local end
	lab_clock
	end=$((lab_now + $1 * 1000))
	until eval "$2"; do
		lab_clock
		[ "$lab_now" -lt "$end" ] || {
			eval "${4:-}"
			lab_fail "not within $1 s: ${3:-$2}"
		}
		lab_pause 0.05
	done
}

# lab_stays SECONDS CONDITION [WHAT]: the opposite: CONDITION must hold all that time.
lab_stays() {
	local end
	lab_clock
	end=$((lab_now + $1 * 1000))
	while [ "$lab_now" -lt "$end" ]; do
		eval "$2" || lab_fail "did not last $1 s: ${3:-$2}"
		lab_pause 0.1
		lab_clock
	done
}

# lab_query FIELD...: one request to lab-ask (lab/ask.c); prints the answer. Cheap, which busctl, curl and jq are not on an emulated processor.
lab_query() {
	local IFS=$'\t' answer
	read -rN1 -u "$lab_turn" _
	printf '%s\n' "$*" >&"$lab_asked"
	IFS= read -r -d '' -t 90 -u "$lab_answers" answer || lab_fail "lab-ask does not answer: $*"
	printf . >&"$lab_turn"
	answer=${answer%$'\n'}
	[ -z "${answer:1}" ] || printf '%s\n' "${answer:1}"
	[ "${answer:0:1}" = 0 ]
}

# lab_check WHAT COMMAND...: runs it now, once; says WHAT or fails.
lab_check() {
	local what=$1
	shift
	"$@" || lab_fail "$what"
	lab_say "ok  $what"
}

# lab_found [--key FILE | --bytes FILE]... -- WHERE...: whether a search (lab/inside/search) finds anything there; prints each place.
lab_found() {
	local status=0
	"$LAB/inside/search" "$@" || status=$?
	[ "$status" -le 1 ] || lab_fail "not searched: $*"
	return "$status"
}

# --- processes -----------------------------------------------------------------------------------------------------------

# lab_start NAME COMMAND...: in the background, output to $LAB_ARTIFACTS/NAME.log (appended, so that a restart keeps the old one).
lab_start() {
	local name=$1
	shift
	! lab_alive "$name" || lab_fail "$name runs already"
	"$@" >>"$LAB_ARTIFACTS/$name.log" 2>&1 </dev/null &
	lab_pids[$name]=$!
	lab_order+=("$name")
}

# Whether it runs. A dead one need not be gone: when the time of a `read -t` is up at a bad moment, bash 5.2 goes on with a signal mask of
# whatever was on its stack, SIGCHLD blocked more often than not, and buries nobody until it next starts something.
lab_alive() {
	local stat
	[ -n "${lab_pids[$1]-}" ] && read -r stat 2>/dev/null <"/proc/${lab_pids[$1]}/stat" && [[ ${stat##*) } != [ZX]* ]]
}

# What a process that should do something else is doing: its state, and where in the kernel and in its program each thread is.
lab_where() {
	local thread file
	for thread in "/proc/${lab_pids[$1]}"/task/*; do
		for file in comm status wchan stack syscall maps; do
			echo "--- $thread/$file"
			cat "$thread/$file" 2>&1 || true
			echo
		done
	done >"$LAB_ARTIFACTS/$1.where"
	lab_say "$1: $(grep -m 1 '^State' "$LAB_ARTIFACTS/$1.where" || echo 'no such process'); more in $1.where"
}

# lab_stop NAME [SIGNAL [SECONDS]]: ends it and waits until it is gone; its exit status is in $lab_status. Nothing when it is gone already.
lab_stop() {
	local name=$1 signal=${2:-TERM} seconds=${3:-20}
	lab_status=0
	[ -n "${lab_pids[$name]-}" ] || return 0
	kill "-$signal" "${lab_pids[$name]}" 2>/dev/null || true
	lab_wait "$seconds" "! lab_alive '$name'" "$name ends after SIG$signal" "lab_where '$name'"
	# shellcheck disable=SC2034 # for the caller
	wait "${lab_pids[$name]}" || lab_status=$?
	unset "lab_pids[$name]"
}

# lab_log NAME PATTERN: whether the log of NAME has a line that matches (extended regular expression).
lab_log() {
	grep -qE -- "$2" "$LAB_ARTIFACTS/$1.log" 2>/dev/null
}

# Number of such lines, printed.
lab_log_count() {
	grep -cE -- "$2" "$LAB_ARTIFACTS/$1.log" 2>/dev/null || true
}

lab_end() {
	local status=$? i name
	trap - EXIT ERR
	set +e
	for ((i = ${#lab_order[@]} - 1; i >= 0; i--)); do
		name=${lab_order[i]}
		[ -n "${lab_pids[$name]-}" ] || continue
		kill -TERM "${lab_pids[$name]}" 2>/dev/null
	done
	dmesg >"$LAB_ARTIFACTS/kernel.log"
	if [ "$status" != 0 ]; then
		for name in $(printf '%s\n' "${lab_order[@]}" | awk '!seen[$0]++'); do
			case $name in cap-*) continue ;; esac
			[ -s "$LAB_ARTIFACTS/$name.log" ] && echo "--- $name.log" && tail -n 12 "$LAB_ARTIFACTS/$name.log"
		done
		tail -n 5 "$LAB_ARTIFACTS/kernel.log"
	fi
	# Captures are whole only when their writers have ended.
	for name in "${!lab_pids[@]}"; do
		for ((i = 0; i < 40; i++)); do
			lab_alive "$name" || break
			lab_pause 0.05
		done
	done
	exit "$status"
}
trap lab_end EXIT
trap '[ $BASH_SUBSHELL != 0 ] || lab_say "FAILED: line $LINENO: $BASH_COMMAND (status $?)"' ERR

# --- Bluetooth -----------------------------------------------------------------------------------------------------------

lab_dbus() {
	mkdir -p /run/dbus /etc/dbus-1/system.d
	if compgen -G "$LAB/../packaging/dbus/*.conf" >/dev/null; then
		cp "$LAB"/../packaging/dbus/*.conf /etc/dbus-1/system.d/
	else
		cat >/etc/dbus-1/system.d/lanyard-lab.conf <<-'CONF'
			<busconfig><policy user="root"><allow own_prefix="org.lanyard"/><allow send_destination="*"/></policy></busconfig>
		CONF
	fi
	dbus-uuidgen --ensure
	rm -f /run/dbus/system_bus_socket # of one that was killed: it is there, and nobody listens
	lab_start dbus dbus-daemon --system --nofork --nopidfile
	lab_wait 5 '[ -S /run/dbus/system_bus_socket ]' 'the system bus'
}

lab_bluetoothd() {
	local config=$LAB/../bluetooth/main.conf
	if [ ! -e "$config" ]; then
		config=$lab_run/main.conf
		printf '%s\n' '[General]' ControllerMode=le Privacy=device ReverseServiceDiscovery=false JustWorksRepairing=never >"$config"
	fi
	lab_start bluetoothd /usr/libexec/bluetooth/bluetoothd --nodetach --experimental --noplugin=hostname --configfile="$config"
}

# Whether bluetoothd has put an adapter on the bus and powered it.
lab_adapter_powered() {
	[ "$(lab_query property org.bluez "/org/bluez/$1" org.bluez.Adapter1 Powered)" = true ]
}

# lab_air COMMAND: plug, "unplug 2", "away 2", "near 2", "deaf 2", "hear 2", "garble 2" (lab/air/main.c); waits until an adapter has come or
# gone.
lab_air() {
	local before
	lab_alive air || lab_fail 'no Bluetooth in this lab'
	before=$(lab_log_count air ' plugged')
	echo "$1" >"$lab_run/air"
	case $1 in
	unplug*) lab_wait 10 "[ ! -e '/sys/class/bluetooth/hci${1#unplug }' ]" "$1" ;;
	plug) lab_wait 10 "[ \"\$(lab_log_count air ' plugged')\" -gt $before ]" "$1" ;;
	esac
}

# lab_bluetooth COUNT: system bus, COUNT LE adapters that hear each other (hci0, hci1, ...), bluetoothd, all powered.
lab_bluetooth() {
	local i
	lab_alive dbus || lab_dbus
	modprobe -a hci_vhci uhid
	sysctl -qp "$LAB/../bluetooth/sysctl.conf"
	lab_start cap-bluetooth btmon --write "$LAB_ARTIFACTS/bluetooth.btsnoop"
	mkfifo "$lab_run/air"
	lab_start air bash -c 'exec "$1" <>"$2"' - "$LAB_BUILD/lab/lab-air" "$lab_run/air"
	for ((i = 0; i < $1; i++)); do echo plug; done >"$lab_run/air" # all at once: waiting for each costs an emulated processor a second
	lab_bluetoothd
	lab_wait 10 "[ \"\$(lab_log_count air ' plugged')\" -ge $1 ]" "$1 adapters"
	for ((i = 0; i < $1; i++)); do lab_ready bluetoothd 10 "lab_adapter_powered hci$i"; done
}

# lab_offload ADAPTER: from now on its controller looks at adverts itself, as many do by Microsoft's HCI extension. Once, after lab_bluetooth,
# on a kernel of lab/offload-kernel: the kernel asks the controller when it is switched on, bluetoothd the kernel when it finds the adapter.
lab_offload() {
	local opcode=/sys/kernel/debug/bluetooth/$1/msft_opcode adapter
	[ -e "$opcode" ] || lab_fail 'this kernel is without CONFIG_BT_MSFTEXT: lab/offload-kernel makes one'
	lab_stop bluetoothd
	echo 0xfc1e >"$opcode"
	hciconfig "$1" down
	hciconfig "$1" up
	hciconfig "$1" down
	lab_bluetoothd
	for adapter in /sys/class/bluetooth/hci?; do lab_ready bluetoothd 10 "lab_adapter_powered ${adapter##*/}"; done
}

# --- hosts and Wi-Fi -----------------------------------------------------------------------------------------------------

# lab_radios COUNT: that many Wi-Fi radios that hear each other; lab_host takes them in order.
lab_radios() {
	local i
	modprobe mac80211_hwsim "radios=$1"
	lab_next_radio=0
	lab_wait 5 '[ "$(find /sys/class/ieee80211 -mindepth 1 | wc -l)" = '"$1 ]" "$1 Wi-Fi radios"
	ip link set hwsim0 up
	lab_start cap-wifi tcpdump -i hwsim0 -U -Z root -w "$LAB_ARTIFACTS/wifi.pcap"
	for ((i = 0; i < $1; i++)); do ip link set "wlan$i" down; done
}

# lab_host NAME ADAPTER [none]: a machine of its own as far as the network goes: namespace NAME with loopback, and the next radio as wlan0
# unless it is to have none. The Bluetooth adapter is only noted, because the kernel has one Bluetooth for all namespaces.
lab_host() {
	local host=$1 radio=${lab_next_radio-}
	mkdir -p "$lab_run/$host"
	echo "$2" >"$lab_run/$host/adapter"
	ip netns add "$host"
	ip -n "$host" link set lo up
	[ "${3-}" != none ] || return 0
	lab_next_radio=$((radio + 1))
	iw phy "phy$radio" set netns name "$host"
	ip -n "$host" link set "wlan$radio" name wlan0
	# Two stations with random addresses: duplicate address detection would only hold the link-local address back for a second.
	lab_on "$host" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.wlan0.accept_dad=0
}

lab_adapter() {
	cat "$lab_run/$1/adapter"
}

# lab_on HOST COMMAND...: in that host's network. Files, D-Bus and Unix sockets with a path are the same for all.
lab_on() {
	local host=$1
	shift
	nsenter "--net=/run/netns/$host" "$@"
}

# lab_start_on HOST NAME COMMAND...: like lab_start; the process is called HOST-NAME.
lab_start_on() {
	local host=$1 name=$2
	shift 2
	lab_start "$host-$name" nsenter "--net=/run/netns/$host" "$@"
}

# lab_fill TEMPLATE [NAME=VALUE...]: prints the template with @NAME@ replaced; fails when one is left.
lab_fill() {
	local text pair
	text=$(<"$1")
	shift
	for pair in "$@"; do text=${text//@${pair%%=*}@/${pair#*=}}; done
	! grep -v '^#' <<<"$text" | grep -qE '@[A-Z_]+@' || lab_fail "a value is missing: $(grep -m 1 -E '@[A-Z_]+@' <<<"$text")"
	printf '%s\n' "$text"
}

# Pre-started hostapd with its radio off; control socket /run/lab/HOST/hostapd/wlan0.
lab_hostapd() {
	local host=$1 folder=$lab_run/$1
	(umask 077 && lab_fill "$LAB/../wifi/hostapd.conf.in" INTERFACE=wlan0 CONTROL="$folder/hostapd" \
		RANDOM_PSK="$(od -An -vtx1 -N32 /dev/urandom | tr -d ' \n')" >"$folder/hostapd.conf")
	lab_start_on "$host" hostapd hostapd "$folder/hostapd.conf"
	lab_wait 10 "[ -S '$folder/hostapd/wlan0' ]" "hostapd of $host"
}

# Pre-started wpa_supplicant without networks; control socket /run/lab/HOST/supplicant/wlan0.
lab_supplicant() {
	local host=$1 folder=$lab_run/$1
	lab_fill "$LAB/../wifi/wpa_supplicant.conf.in" CONTROL="$folder/supplicant" >"$folder/supplicant.conf"
	lab_start_on "$host" supplicant wpa_supplicant -i wlan0 -D nl80211 -c "$folder/supplicant.conf"
	lab_wait 10 "[ -S '$folder/supplicant/wlan0' ]" "wpa_supplicant of $host"
}

# --- buttons and lines ---------------------------------------------------------------------------------------------------

# lab_buttons HOST: a device with both buttons; its path is in /run/lab/HOST/buttons.device. `lab_stop HOST-buttons` unplugs it.
lab_buttons() {
	local host=$1 folder=$lab_run/$1
	modprobe -a uinput evdev
	[ -p "$folder/buttons.fifo" ] || mkfifo "$folder/buttons.fifo"
	: >"$LAB_ARTIFACTS/$host-buttons.log"
	lab_start "$host-buttons" bash -c 'exec "$1" "$2" <>"$3"' - "$LAB_BUILD/lab/lab-buttons" "Lanyard lab buttons of $host" "$folder/buttons.fifo"
	lab_wait 5 "lab_log '$host-buttons' '^ready'" "buttons of $host"
	ln -sfn "$(sed -n 's/^ready //p' "$LAB_ARTIFACTS/$host-buttons.log")" "$folder/buttons.device"
}

# lab_press HOST COMMAND: one command of lab-buttons ("both 2500", "click event"), until it is done.
lab_press() {
	local before
	before=$(lab_log_count "$1-buttons" '^done')
	lab_press_later "$1" "$2"
	lab_wait 20 "[ \"\$(lab_log_count '$1-buttons' '^done')\" -gt $before ]" "button command '$2'"
}

# The same without waiting.
lab_press_later() {
	lab_alive "$1-buttons" || lab_fail "the buttons of $1 are unplugged"
	echo "$2" >"$lab_run/$1/buttons.fifo"
}

# lab_gpio HOST mcp2221|cp2112: a USB adapter with lines, without interrupts or with them, chip "mcp2221_gpio" or "cp2112_gpio" for libgpiod;
# `lab_stop HOST-CHIP` unplugs it. The driver of mcp2221 hears no answer while it looks for the adapter and waits 4 s for each of six: its
# lines are there when lab_lines says so.
lab_gpio() {
	local host=$1 folder=$lab_run/$1
	modprobe -a uhid "hid-$2"
	mkfifo "$folder/$2.fifo"
	lab_start "$host-$2" bash -c 'exec "$1" "$2" <>"$3"' - "$LAB_BUILD/lab/lab-gpio" "$2" "$folder/$2.fifo"
	lab_wait 5 "lab_log '$host-$2' '^ready'" "$2 of $host"
}

lab_lines() { # CHIP
	grep -qsx "$1_gpio" /sys/class/gpio/gpiochip*/label
}

# lab_line HOST CHIP N LEVEL: the wire at its line N.
lab_line() {
	echo "line $3 $4" >"$lab_run/$1/$2.fifo"
	lab_wait 5 "[ \"\$(tail -n 1 '$LAB_ARTIFACTS/$1-$2.log')\" = 'done line $3 $4' ]" "line $3 of $2 of $1"
}

# --- strangers -----------------------------------------------------------------------------------------------------------

# lab_hear ADAPTER SECONDS: prints address and address type of the first connectable Lanyard advert ("AA:... random"), or fails.
lab_hear() {
	local line
	line=$("$LAB_BUILD/lab/lab-stranger" hear "$1" "$2" 1 | grep -E ' connectable [0-9a-f]*167afd' | tail -n 1) || return 1
	cut -d' ' -f1,2 <<<"$line"
}

# lab_stranger NAME ADAPTER "ADDRESS TYPE" SECONDS [HEX]: opens a channel in the background; log in stranger-NAME.log.
lab_stranger() {
	local name=stranger-$1 adapter=$2 address kind
	read -r address kind <<<"$3"
	shift 3
	# The radio connection outlives its last channel by two seconds, and a channel that is opened at its very end is reset.
	lab_wait 10 "! compgen -G '/sys/class/bluetooth/$adapter:*' >/dev/null" "$adapter is not connected any more"
	lab_start "$name" "$LAB_BUILD/lab/lab-stranger" open "$adapter" "$address" "$kind" "$@"
}

# shellcheck source=lab/inside/daemons.sh
. "$LAB/inside/daemons.sh"
