"""Which of an answer's words were heard when its audio was stopped. Pure."""

_SECONDS_A_CHARACTER = 0.07
_SECONDS_A_CHINESE_CHARACTER = 0.22
_WORD_ENDS = " \n.,!?;:。，！？；：、"


def heard_words(answer: str, position: float, spoken: float, *, all_spoken: bool) -> str:
    """Return the whole words of ``answer`` within ``position`` seconds.

    ``spoken`` are the seconds of its audio that exist. Where that is all of it, words
    and audio are shared alike; before that, at the pace at which voices speak.
    """
    if not answer or position <= 0:
        return ""
    if all_spoken and position >= spoken - 1e-6:
        return answer
    costs = [_SECONDS_A_CHINESE_CHARACTER if _is_chinese(one) else _SECONDS_A_CHARACTER for one in answer]
    pace = spoken / sum(costs) if all_spoken else 1.0
    left, end = position, 0
    for end, cost in enumerate(costs):  # noqa: B007 (where it stops is wanted)
        left -= cost * pace
        if left < 0:
            break
    else:
        return answer
    while end and not (_is_chinese(answer[end - 1]) or answer[end - 1] in _WORD_ENDS):
        end -= 1
    return answer[:end].rstrip()


def _is_chinese(character: str) -> bool:
    return "一" <= character <= "鿿"
