# What scripts need that call APIs with the AWS CLI and look at the answers.
set -eu
account=000000000000
events=arn:aws:events:us-east-1:$account

# ok SERVICE OPERATION ARGUMENTS…: a call that succeeds; its answer is in answer.json.
ok() {
	if aws "$@" --output json >answer.json 2>error.txt; then return 0; fi
	cat error.txt >&2
	echo "failed: $*" >&2
	exit 1
}
# is FILTER VALUE: what jq makes of the answer.
is() {
	got=$(jq -r -c "$1" answer.json)
	if [ "$got" = "$2" ]; then return 0; fi
	cat answer.json >&2
	printf '%s is\n%s\nand not\n%s\n' "$1" "$got" "$2" >&2
	exit 1
}
# refuses CODE TEXT SERVICE OPERATION ARGUMENTS…: a call that the server refuses
# with a code and a text, which is compared whole. The CLI puts empty lines around
# it, and may say how often it has tried.
refuses() {
	code=$1 text=$2
	shift 2
	status=0
	aws "$@" >answer.json 2>error.txt || status=$?
	said=$(sed -e '/^$/d' -e 's/.*An error occurred (\([A-Za-z]*\)) when calling the [A-Za-z]* operation[^:]*\(: [0-9]*)\)\{0,1\}: /\1: /' error.txt)
	if [ "$status" -ge 254 ] && [ "$said" = "$code: $text" ]; then return 0; fi
	cat answer.json error.txt >&2
	printf 'status %s of %s, want\n%s: %s\n' "$status" "$*" "$code" "$text" >&2
	exit 1
}
# arrives FILTER: waits for a request to the receiver that a filter of jq selects;
# it is in answer.json then, with the event in .event. It stands in a line of
# the file $RECEIVED.
arrives() {
	until_true "[ -s answer.json ]" "jq -c -n 'first(inputs | .event = (.body | fromjson? // null) | select($1))' '$RECEIVED' >answer.json"
}
# until_true CONDITION [COMMAND]: waits until a condition holds after a command.
until_true() {
	end=$(($(date +%s) + 30))
	while :; do
		eval "${2:-:}" 2>error.txt || :
		if eval "$1"; then return 0; fi
		if [ "$(date +%s)" -ge $end ]; then break; fi
		sleep 0.1
	done
	cat error.txt >&2
	echo "waited in vain: $1 ${2:-}; so far there is" >&2
	tail -n 20 "$RECEIVED" >&2
	exit 1
}
