# tidy.awk FILE... - reads C as clang-format writes it: what stands at the start of a line is
# at file scope, and a function's braces stand there alone.
#
#   a function is at most 60 lines, a file at most 800
#   some calls are banned: everywhere, in programs (no shell), or in the pure folders (no
#   clock, no luck, no processes)
#   includes go downward: codecs <- broker/{core,link} <- broker/{store,artifacts} <- broker
#   <- nodes <- client; the folders of the table "may" include what stands there and no more
#   the pure folders include no socket, database or transfer library, and no header of
#   input and output
#   each prototype in a header has a body in some file

BEGIN {
    function_lines_max = 60
    file_lines_max = 800
    list("sprintf vsprintf strcpy strcat gets strtok alloca assert sleep usleep " \
        "nanosleep", banned)
    list("system popen", banned_in_programs)
    list("time clock_gettime gettimeofday localtime rand random getrandom getenv " \
        "socket fork kill", banned_in_pure)
    list("zmq.h czmq.h lmdb.h curl/curl.h microhttpd.h sys/socket.h pthread.h fcntl.h " \
        "poll.h dirent.h sys/stat.h sys/mman.h sys/wait.h sys/epoll.h spawn.h sched.h", foreign)
    list("unistd.h time.h sys/time.h sys/types.h", foreign_in_core)
    pure = "^(codecs|broker/core|nodes/core)/"
    layer_count = split("codecs broker/core broker nodes client", layers, " ")
    may["broker/core/"] = "codecs/ broker/core/"
    may["broker/link/"] = "codecs/ broker/link/"
    may["broker/store/"] = "codecs/ broker/core/ broker/store/"
    may["broker/artifacts/"] = "codecs/ broker/link/ broker/artifacts/"
    may["nodes/core/"] = "codecs/ nodes/core/"
    may["nodes/supervisor/"] = "codecs/ nodes/supervisor/"
    may["nodes/cache/"] = "codecs/ broker/artifacts/ nodes/cache/"
    may["nodes/stores/"] = "codecs/ broker/artifacts/ nodes/stores/"
    may["nodes/staging/"] = "codecs/ broker/artifacts/ nodes/cache/ nodes/stores/ " \
        "nodes/supervisor/ nodes/staging/"
    may["client/cli/"] = "codecs/ client/lib/sluice.h client/lib/write_all.h client/cli/ " \
        "broker/backup/backup.h broker/backup/check.h"
}

function list(text, set,    words, i) {
    for (i = split(text, words, " "); i > 0; i--)
        set[words[i]] = 1
}

function complain(file, line, what) {
    printf "%s:%d: %s\n", file, line, what
    complaints++
}

# 1 is the ground floor; 0 is outside of the house (tests, bench, system headers).
function layer_of(path,    i, found) {
    for (i = 1; i <= layer_count; i++)
        if (index(path, layers[i] "/") == 1)
            if (!found || length(layers[i]) > length(layers[found]))
                found = i
    return found + 0
}

# The line without comments and with empty strings; in_comment carries over to the next.
function code_of(line,    out, c, i, size, quote) {
    out = ""
    size = length(line)
    for (i = 1; i <= size; i++) {
        c = substr(line, i, 1)
        if (in_comment) {
            if (c == "*" && substr(line, i + 1, 1) == "/") {
                in_comment = 0
                i++
            }
        } else if (quote != "") {
            if (c == "\\")
                i++
            else if (c == quote) {
                quote = ""
                out = out c
            }
        } else if (c == "/" && substr(line, i + 1, 1) == "*") {
            in_comment = 1
            i++
        } else if (c == "/" && substr(line, i + 1, 1) == "/") {
            break
        } else {
            if (c == "\"" || c == "'")
                quote = c
            out = out c
        }
    }
    return out
}

# Whether the folder of this file has a line in the table that path is not on.
function is_barred(path,    folder, words, i) {
    for (folder in may) {
        if (index(FILENAME, folder) != 1)
            continue
        for (i = split(may[folder], words, " "); i > 0; i--)
            if (index(path, words[i]) == 1)
                return 0
        return 1
    }
    return 0
}

function check_include(path,    mine, its) {
    mine = layer_of(FILENAME)
    its = layer_of(path)
    if (mine && its > mine)
        complain(FILENAME, FNR, "includes " path ", which is above this folder")
    else if (its && is_barred(path))
        complain(FILENAME, FNR, "includes " path ", which this folder may not use")
    if (FILENAME ~ pure && path in foreign \
        || FILENAME ~ /^(broker|nodes)\/core\// && path in foreign_in_core)
        complain(FILENAME, FNR, "includes " path " in a folder without input and output")
}

function check_calls(code,    name) {
    while (match(code, /[A-Za-z_][A-Za-z_0-9]*\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        if (name in banned && substr(code, RSTART - 1, 1) !~ /[.>]/)
            complain(FILENAME, FNR, name "() is banned")
        else if (name in banned_in_programs && layer_of(FILENAME))
            complain(FILENAME, FNR, name "() is banned outside of tests")
        else if (name in banned_in_pure && FILENAME ~ pure \
            && substr(code, RSTART - 1, 1) !~ /[.>]/)
            complain(FILENAME, FNR, name "() is banned in a folder without clock and processes")
        code = substr(code, RSTART + RLENGTH)
    }
}

# Names what is declared: the last word before the first parenthesis, macros in capitals and
# attributes left out.
function declared(text) {
    gsub(/__attribute__ *\(\([^()]*(\([^()]*\))?[^()]*\)\)/, "", text)
    gsub(/[A-Z][A-Z_0-9]*\([^()]*\)/, "", text)
    if (!match(text, /[A-Za-z_][A-Za-z_0-9]*\(/))
        return ""
    return substr(text, RSTART, RLENGTH - 1)
}

# Collects what stands at file scope until its ";" or "{".
function check_scope(code,    name) {
    if (code ~ /^#/ || in_macro) {
        in_macro = code ~ /\\$/
        return
    }
    if (depth == 0 && code != "{") {
        chunk = chunk " " code
        name = ""
        if (code ~ /;$/ || code ~ /\{$/) {
            if (code ~ /;$/ && FILENAME ~ /\.h$/ \
                && chunk !~ /^ *(typedef|_Static_assert|struct [a-z_0-9]* \{)/)
                name = declared(chunk)
            if (name != "" && chunk !~ /\(\*/)
                prototype[name] = FILENAME ":" FNR
            chunk = ""
        }
    }
    if (code == "{" && depth == 0) {
        name = declared(chunk)
        if (name != "")
            body[name] = 1
        function_name = name
        function_start = FNR
        chunk = ""
    }
    depth += gsub(/\{/, "{", code) - gsub(/\}/, "}", code)
    if (code == "}" && depth == 0 && function_start) {
        if (FNR - function_start + 1 > function_lines_max)
            complain(FILENAME, function_start, function_name "() has " \
                FNR - function_start + 1 " lines, more than " function_lines_max)
        function_start = 0
    }
}

FNR == 1 {
    in_comment = in_macro = depth = function_start = 0
    chunk = ""
}

FNR == file_lines_max + 1 { complain(FILENAME, FNR, "more than " file_lines_max " lines") }

/^#include "/ {
    split($0, quoted, "\"")
    check_include(quoted[2])
}

/^#include </ {
    split($0, quoted, /[<>]/)
    check_include(quoted[2])
}

{
    code = code_of($0)
    sub(/[ \t]+$/, "", code)
    check_calls(code)
    check_scope(code)
}

END {
    for (name in prototype)
        if (!(name in body) && prototype[name] !~ /^(tests|bench)\//) {
            split(prototype[name], at, ":")
            complain(at[1], at[2], name "() is declared and has no body")
        }
    exit complaints > 0
}
