# accuracy.awk GUESSES SAMPLES - the share of samples whose label was guessed.

NR == FNR { guess[NR] = $1; next }
$1 == guess[FNR] { right++ }
END { printf "%.4f\n", right / FNR }
