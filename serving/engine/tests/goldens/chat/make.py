"""Records prompts as Hugging Face's transformers renders them (5.23.0).

Usage: python make.py QWEN.gguf   (the template is taken from the model file)
"""
import json
import struct
import sys
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

HERE = Path(__file__).parent
SIZES = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


def metadata(path):
    with open(path, "rb") as file:
        def number(form):
            return struct.unpack(form, file.read(struct.calcsize(form)))[0]

        def text():
            return file.read(number("<Q")).decode("utf-8", "replace")

        def value(kind):
            if kind == 8:
                return text()
            if kind == 9:
                inner, count = number("<I"), number("<Q")
                return [value(inner) for _ in range(count)]
            return number(SIZES[kind])

        assert file.read(4) == b"GGUF"
        number("<I"), number("<Q")
        return {text(): value(number("<I")) for _ in range(number("<Q"))}


def main():
    template = metadata(sys.argv[1])["tokenizer.chat_template"]
    (HERE / "qwen2.jinja").write_text(template)
    case = json.loads((HERE / "chat.json").read_text())
    prompts, _ = render_jinja_template(
        [case["messages"]],
        tools=case["tools"],
        chat_template=template,
        add_generation_prompt=True,
    )
    (HERE / "qwen2_tools.txt").write_text(prompts[0])


main()
