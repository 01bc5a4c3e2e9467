"""Graphs are read as FFmpeg reads them, and what reaches beyond the picture is refused with a reason."""

from __future__ import annotations

import pytest

from relay.errors import TransformError
from relay.transform.filter_text import FilterSpec, parse_graph


def one(name: str, arguments: str = "", inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = ()) -> FilterSpec:
    return FilterSpec(name, arguments, inputs, outputs)


@pytest.mark.parametrize(
    ("text", "graph"),
    [
        ("hflip", ((one("hflip"),),)),
        ("hqdn3d,unsharp=5:5:0.8", ((one("hqdn3d"), one("unsharp", "5:5:0.8")),)),
        (" hqdn3d , unsharp = 5:5 ", ((one("hqdn3d"), one("unsharp", "5:5")),)),
        ("null@first=", ((one("null"),),)),
        (
            "split[a][b];[a]hflip[c];[b][c]hstack",
            (
                (one("split", outputs=("a", "b")),),
                (one("hflip", inputs=("a",), outputs=("c",)),),
                (one("hstack", inputs=("b", "c")),),
            ),
        ),
        ("[in] hflip [out] ;", ((one("hflip", inputs=("in",), outputs=("out",)),),)),
        ("select='not(mod(n,2))',hflip", ((one("select", "not(mod(n,2))"), one("hflip")),)),
        (r"select=not(mod(n\,2))", ((one("select", "not(mod(n,2))"),),)),
        ("drawtext=text='a b ; [c] '", ((one("drawtext", "text=a b ; [c] "),),)),
        (r"drawtext=text='12\:30'", ((one("drawtext", r"text=12\:30"),),)),
        (r"drawtext=text=it\'s", ((one("drawtext", "text=it's"),),)),
        ("crop=w=10:\n  h=20\n", ((one("crop", "w=10:\n  h=20"),),)),
    ],
)
def test_a_text_is_read_as_ffmpeg_reads_it(text: str, graph: tuple[tuple[FilterSpec, ...], ...]) -> None:
    assert parse_graph(text) == graph


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a filter's name was expected at ''"),
        ("hflip,", "a filter's name was expected at ''"),
        ("hflip,,vflip", "a filter's name was expected at ',vflip'"),
        ("=5", "a filter's name was expected at '=5'"),
        ("h flip", "a filter's name was expected at 'h flip'"),
        ("[a", "'[a' is no label: those are written [name]"),
        ("[]hflip", "'[]hflip' is no label"),
        ("hflip[a]vflip", "'vflip' was not expected: filters are parted by , or ;"),
        ("crop='10", "the quote before '10' is not closed"),
        ("hflip," * 64 + "hflip", "a graph of 65 filters is too long"),
        ("x" * 5000, "a graph of 5000 characters is too long"),
    ],
)
def test_what_cannot_be_read_is_said(text: str, words: str) -> None:
    with pytest.raises(TransformError) as caught:
        parse_graph(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("movie=/etc/passwd", "reads or writes files"),
        ("amovie=x.mp3", "reads or writes files"),
        ("movie=rtsp://host/x[a];[in][a]overlay", "reads or writes files"),
        ("hflip,subtitles=x.srt", "reads or writes files"),
        ("lut3d=x.cube", "reads or writes files"),
        ("vidstabdetect", "reads or writes files"),
        ("sendcmd=f=commands.txt", "changes other filters while they run"),
        ("sendcmd=c='0 drawtext reinit textfile=/etc/passwd',drawtext=text=x", "changes other filters"),
        ("zmq", "listens to the network"),
        ("azmq=bind_address=tcp\\://*\\:5555", "listens to the network"),
        ("frei0r=cartoon0r", "loads code from a file"),
        ("dnn_processing=model=x.pb", "reads a model from a file: see the transforms of models"),
        ("ddagrab", "reads a screen"),
        ("realtime", "waits, and pictures here come when they are due"),
        ("reverse", "keeps all pictures until the last"),
        ("hwupload,scale_cuda=100:100", "works in a graphics card's memory"),
        ("scale_vaapi=100:100", "works in a graphics card's memory"),
        ("buffer=video_size=4x4", "stands at the ends of the graph by itself"),
        ("drawtext=textfile=/etc/passwd", "reads or writes files with textfile="),
        ("drawtext=text=x: textfile = /etc/passwd", "reads or writes files with textfile="),
        ("drawtext=/etc/font.ttf", "where its options are not named: write drawtext=name=value"),
        (r"drawtext=text='a\:b':fontfile=x", "with fontfile="),
        ("curves=psfile=x.acv", "with psfile="),
        ("curves=vintage:0/0:0/0:0/0:0/0:0/0:x.acv", "where its options are not named"),
        ("metadata=print:file=/tmp/x", "with file="),
        ("psnr=x.log", "where its options are not named"),
        ("ssim=stats_file=x.log", "with stats_file="),
        ("life=/etc/passwd", "where its options are not named"),
        ("anything=filename=x", "with filename="),
    ],
)
def test_what_reaches_beyond_the_picture_is_refused(text: str, words: str) -> None:
    with pytest.raises(TransformError, match=r"^the filter '\w+' is refused: it ") as caught:
        parse_graph(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "drawtext=text='textfile=x'",
        r"drawtext=text=12\\:30:fontsize=20",
        "curves=vintage",
        "curves=preset=vintage:all=0/0 1/1",
        "deshake=0:0:64:64",
        "metadata=mode=add:key=a:value=b",
        "color=red:size=64x64[c];[in][c]overlay",
        "testsrc2=size=64x64[c];[in][c]hstack",
    ],
)
def test_what_works_on_pictures_alone_is_not(text: str) -> None:
    assert parse_graph(text)
