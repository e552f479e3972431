# confusion.awk GUESSES SAMPLES - a Markdown table: how often each digit was taken for which.

NR == FNR { guess[NR] = $1; next }
{ seen[$1, guess[FNR]]++ }

END {
    head = "| written \\ read |"
    rule = "|---|"
    for (read = 0; read < 10; read++) {
        head = head " " read " |"
        rule = rule "--:|"
    }
    print head
    print rule
    for (written = 0; written < 10; written++) {
        line = "| **" written "** |"
        for (read = 0; read < 10; read++)
            line = line " " (seen[written, read] ? seen[written, read] : ".") " |"
        print line
    }
}
