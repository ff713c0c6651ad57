# Finds the mirror that apt is configured with; other scripts source this file.

# Prints the URL of Debian's main archive, or nothing.
mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
        2>/dev/null | grep -oE '(file|https?)://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' '
}
