/// The text by which a shell completes a program's command line.
///
/// A script knows no option: it asks the program that stands on the line with `--completion words`, behind a command where the program has several. So
/// it fits whichever version is installed, and is right when options change.
struct CompletionScript {
    let program: String

    func text(_ topic: CompletionTopic) -> String {
        switch topic {
        case .bash: bash
        case .zsh: zsh
        case .fish: fish
        case .words: ""
        }
    }

    /// A name that no other function of the shell has.
    private var function: String {
        "_apus_complete_" + String(decoding: program.utf8.map { $0 == UInt8(ascii: "-") ? 0x5F : $0 }, as: UTF8.self)
    }

    private var bash: String {
        """
        # Completion of \(program) for bash:  source <(\(program) --completion bash)
        \(function)() {
            local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= words kind
            [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]] && command=${COMP_WORDS[1]}
            words=$("${COMP_WORDS[0]}" ${command:+"$command"} --completion words 2>/dev/null) || return 0
            kind=$(awk -F '\\t' -v word="$previous" '$1 == word { print $2; exit }' <<<"$words")
            case $kind in
                path) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
                word:*) mapfile -t COMPREPLY < <(IFS=, && compgen -W "${kind#word:}" -- "$current") ;;
                value) COMPREPLY=() ;;
                *) mapfile -t COMPREPLY < <(compgen -W "$(cut -f 1 <<<"$words")" -- "$current") ;;
            esac
        }
        complete -F \(function) \(program)

        """
    }

    private var zsh: String {
        """
        #compdef \(program)
        # Completion of \(program) for zsh:  source <(\(program) --completion zsh)
        \(function)() {
            local command= line kind
            local -a lines shown
            (( CURRENT > 2 )) && [[ ${words[2]} != -* ]] && command=${words[2]}
            lines=(${(f)"$(${words[1]} ${command:+$command} --completion words 2>/dev/null)"})
            for line in $lines; do
                [[ ${line%%$'\\t'*} == ${words[CURRENT-1]} ]] && kind=${${line#*$'\\t'}%%$'\\t'*}
                shown+=("${line%%$'\\t'*}:${line##*$'\\t'}")
            done
            case $kind in
                path) _files ;;
                word:*) compadd -- ${(s:,:)${kind#word:}} ;;
                value) ;;
                *) _describe -o option shown ;;
            esac
        }
        compdef \(function) \(program)

        """
    }

    private var fish: String {
        """
        # Completion of \(program) for fish:  \(program) --completion fish | source
        function \(function)
            set -l tokens (commandline -opc)
            set -l command
            if test (count $tokens) -gt 1; and not string match -q -- '-*' $tokens[2]
                set command $tokens[2]
            end
            set -l lines ($tokens[1] $command --completion words 2>/dev/null)
            set -l kind
            for line in $lines
                set -l parts (string split \\t -- $line)
                test "$parts[1]" = "$tokens[-1]"; and set kind $parts[2]
            end
            switch "$kind"
                case path
                    __fish_complete_path (commandline -ct)
                case 'word:*'
                    string split , -- (string replace 'word:' '' -- $kind)
                case value
                case '*'
                    for line in $lines
                        set -l parts (string split \\t -- $line)
                        printf '%s\\t%s\\n' $parts[1] $parts[3]
                    end
            end
        end
        complete -c \(program) -f -a '(\(function))'

        """
    }
}
