# split.awk - 64 pixels (0..16) and a label a line, comma-separated, become lines of
# "label index:value ..." in three files: of every five samples three are for training, one
# is for validation and one for the test. The split depends on the line number alone, so it
# is the same every time.

BEGIN {
    FS = ","
    pixel_max = 16
    split("train train train validate test", part_of, " ")
}

NF != 65 {
    printf "line %d has %d fields instead of 65\n", NR, NF > "/dev/stderr"
    failed = 1
    exit 1
}

{
    part = part_of[NR % 5 + 1]
    line = $65
    for (i = 1; i <= 64; i++)
        if ($i > 0) # the format leaves zeros out
            line = line " " i ":" $i / pixel_max
    print line > (folder "/" part ".svm")
    count[part]++
}

END {
    if (!failed)
        printf "{\"train\": %d, \"validate\": %d, \"test\": %d}\n",
            count["train"], count["validate"], count["test"]
}
