# -x N converts for N seconds, like the program of the document's examples; without, until it is stopped.
[ $# = 0 ] && exec sleep 3600
[ $# = 2 ] && [ "$1" = -x ] && exec sleep "$2"
exit 2
