"""Print what makes a shell complete `git models`: commands, options, models and their versions.

bash: source <(git models completion bash)          in ~/.bashrc; git's own completion must be there, too
zsh:  source <(git models completion zsh)           in ~/.zshrc, after compinit
fish: git models completion fish > ~/.config/fish/completions/git-models.fish
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from git_models import manifests, repo, versions
from git_models.commands import ALIASES, COMMANDS, parser_of
from git_models.errors import ModelsError, UsageError
from git_models.manifest import Entry, Manifest
from git_models.output import Output, safe, size
from git_models.repo import Repo

# Words of a line as they are typed: bash itself would cut best.pt@1.0 into three (COMP_WORDBREAKS).
_BASH = r"""# bash completion of git models; git's own completion calls _git_models.
_git_models () {
    local line=${COMP_LINE:0:COMP_POINT} words current kept candidate
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    while ((${#words[@]} > 1)) && [[ ${words[0]} != models && ${words[0]##*/} != git-models ]]; do
        words=("${words[@]:1}")
    done
    words=("${words[@]:1}")
    current=${words[${#words[@]} - 1]}
    kept=${current%"${current##*[@:=]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        [[ $candidate == *@ ]] || candidate+=" "
        COMPREPLY+=("${candidate#"$kept"}")
    done < <(git models completion --words "${words[@]}" 2>/dev/null)
}
complete -o bashdefault -o default -o nospace -F _git_models git-models
"""
_ZSH = r"""#compdef git-models
# zsh completion of git models; zsh's own completion of git calls _git-models.
_git-models () {
    local line
    local -a found whole begun
    while IFS=$'\t' read -r line text; do
        if [[ $line == *@ ]]; then begun+=("${line//:/\\:}:$text"); else whole+=("${line//:/\\:}:$text"); fi
    done < <(git models completion --words "${(@)words[2,CURRENT]}" 2>/dev/null)
    if ((${#whole} + ${#begun} == 0)); then
        _files
        return
    fi
    _describe -V 'git models' whole
    _describe -V 'git models' begun -S ''
}
zstyle ':completion:*:*:git:*' user-commands models:'model weights that do not fit into git'
compdef _git-models git-models
"""
_FISH = r"""# fish completion of git models
function __git_models_here
    contains -- models (commandline -opc)
end
function __git_models_words
    set -l words (commandline -opc)
    while set -q words[2]; and not string match -qr '(^|/)(git-)?models$' -- $words[1]
        set -e words[1]
    end
    set -l found (git models completion --words $words[2..-1] (commandline -ct) 2>/dev/null)
    if test -n "$found"
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c git -f -n __fish_git_needs_command -a models -d 'Model weights that do not fit into git'
complete -c git -f -n __git_models_here -a '(__git_models_words)'
complete -c git-models -f -a '(__git_models_words)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
# Commands whose words are files rather than models.
_FILES = ("add", "backup", "check", "clone", "import", "restore", "scan", "track", "untrack", "upload")
_MODELS = ("PATH", "MODEL", "NAME", "A", "REV|PATH")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", nargs="?", choices=SCRIPTS, metavar="SHELL", help="bash, zsh or fish")
    parser.add_argument("--words", type=str, nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(args: argparse.Namespace, out: Output) -> int:
    if args.words is not None:
        for word, text in candidates(args.words or [""]):
            out.out.write(f"{word}\t{text}\n")
        return 0
    shell = args.shell or os.path.basename(os.environ.get("SHELL", ""))
    if shell not in SCRIPTS:
        raise UsageError("for which shell?", "git models completion bash   # or zsh, fish")
    if not out.json:
        out.out.write(SCRIPTS[shell])
    out.document({"shell": shell, "script": SCRIPTS[shell]})
    return 0


def candidates(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What the last word could become, and what it means; the words before it follow `git models`.

    Nothing where files are meant.
    """
    current = words[-1]
    if len(words) == 1:
        known = {name: text for name, (_, text) in COMMANDS.items() if text}
        known |= {alias: f"the same as {name}" for alias, name in ALIASES.items()}
        yield from ((name, text) for name, text in known.items() if name.startswith(current))
        return
    name = ALIASES.get(words[0], words[0])
    if name not in COMMANDS:
        return
    parser = parser_of(name, words[0])
    before = list(words[1:-1])
    nested = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    if nested and before and before[0] in nested.choices:
        parser, nested, before = nested.choices[before[0]], None, before[1:]
    options = {text: action for action in parser._actions for text in action.option_strings}
    if current.startswith("-"):
        for text, action in options.items():
            if (
                text.startswith(current)
                and action.help != argparse.SUPPRESS
                and not (text[1] != "-" and current == "--")
            ):
                yield text, action.help or ""
        return
    taking = options.get(before[-1]) if before else None
    if taking is not None and taking.nargs != 0:
        yield from _values(taking, current)
        return
    if nested:
        shown = {choice.dest: choice.help or "" for choice in nested._choices_actions}
        yield from ((text, shown.get(text, "")) for text in nested.choices if text.startswith(current))
        return
    wanted = _positional(parser, options, before)
    if wanted is None:
        return
    if wanted.choices:
        yield from ((str(choice), "") for choice in wanted.choices if str(choice).startswith(current))
    elif name == "remote":
        yield from _places(current)
    elif name not in _FILES and str(wanted.metavar or "").startswith(_MODELS):
        yield from _models(current)


def _positional(
    parser: argparse.ArgumentParser, options: dict[str, argparse.Action], before: Sequence[str]
) -> argparse.Action | None:
    """What the next word without a dash is."""
    count, skip = 0, False
    for word in before:
        if skip or word.startswith("-"):
            skip = not skip and word in options and options[word].nargs != 0
        else:
            count += 1
    for action in (a for a in parser._actions if not a.option_strings):
        if action.nargs in ("*", "+") or count == 0:
            return action
        count -= 1
    return None


def _values(action: argparse.Action, current: str) -> Iterator[tuple[str, str]]:
    if action.choices:
        yield from ((str(choice), "") for choice in action.choices if str(choice).startswith(current))
    elif action.metavar in ("REMOTE", "R", "PLACE"):
        yield from _places(current)


def _here() -> tuple[Repo, Manifest] | None:
    try:
        here = repo.find()
        return here, manifests.current(here)
    except ModelsError:
        return None


def _places(current: str) -> Iterator[tuple[str, str]]:
    from git_models import places

    if found := _here():
        yield from ((p.name, safe(p.url)) for p in places.for_pull(*found) if p.name.startswith(current))


def _models(current: str) -> Iterator[tuple[str, str]]:
    found = _here()
    if not found:
        return
    here, known = found
    entries: dict[str, Entry] = {}
    for path, entry in known.models.items():
        entries[os.path.relpath(here.path(path), os.path.join(here.top, here.prefix))] = entry
    for entry in known.models.values():
        if len(versions.called(known, entry.label)) == 1:
            entries.setdefault(entry.label, entry)
    model, at, _ = current.rpartition("@")
    if at and model in entries:
        entry = entries[model]
        tagged = [(v.version, v.note or v.date) for v in reversed(versions.ordered(entry))]
        for name, text in (*tagged, ("latest", "the highest version"), ("previous", "the one before")):
            if f"{model}@{name}".startswith(current):
                yield f"{model}@{name}", safe(text)
        return
    for text, entry in entries.items():
        if text.startswith(current) and text.isprintable():
            yield text, safe(entry.description or size(max(entry.size, 0)))
            if text == current:
                yield f"{text}@", "a version of it"
