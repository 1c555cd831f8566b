#compdef tunectl

_tunectl_completion() {
    local -a completions goes_on
    local -a completions_with_descriptions
    local -a response
    (( ! $+commands[tunectl] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) _TUNECTL_COMPLETE=zsh_complete tunectl)}")

    for type key descr in ${response}; do
        if [[ "$type" == "plain" ]]; then
            if [[ "$descr" == "_" ]]; then
                [[ "$key" == *[=/] ]] && goes_on+=("$key") || completions+=("$key")
            else
                completions_with_descriptions+=("$key":"$descr")
            fi
        elif [[ "$type" == "dir" ]]; then
            _path_files -/
        elif [[ "$type" == "file" ]]; then
            _path_files -f
        fi
    done

    if [ -n "$completions_with_descriptions" ]; then
        _describe -V unsorted completions_with_descriptions -U
    fi

    if [ -n "$completions" ]; then
        compadd -U -V unsorted -a completions
    fi
    compadd -U -S '' -V unsorted -a goes_on
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    # autoload from fpath, call function directly
    _tunectl_completion "$@"
else
    # eval/source/. command, register function for later
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _tunectl_completion tunectl
fi

