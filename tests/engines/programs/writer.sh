# Text in characters of one to four bytes and with a colour; what is not UTF-8 goes to stderr.
printf 'first line\nh\303\251llo w\303\266rld \342\202\254 \360\237\230\200\r\n\033[31mred\033[0m\n'
printf 'caf\351 noir\n' >&2
exec sleep 3600
