#!/usr/bin/env python3
"""Proves that samples are folded, named and drawn as they are, on a few that perf recorded (sample.txt) and on made ones.

  deploy/dev/bench flames --check

Needs the Swift toolchain, which knows the names of its symbols, and no perf.
"""

import random
import unittest
import xml.etree.ElementTree as XML
from collections import Counter
from pathlib import Path

import drawing
import table
from folding import CUT_SHORT, Node, folded, path
from names import Frame, Kind, Names, readable
from samples import Call, Sample, call, parsed

SAMPLES = parsed((Path(__file__).parent / "sample.txt").read_text().splitlines())
NAMES = Names({call for sample in SAMPLES for call in sample.calls})
LIBC, KERNEL, PROGRAM = "/usr/lib/libc.so.6", "[kernel.kallsyms]", "/opt/apus/frontend"
MOST_BYTES = 200_000


def ours(name):
    return Frame(name, Kind.OURS)


def tree(paths):
    root = Node(Frame("frontend", Kind.GROUP))
    for frames, count in paths:
        root.count([ours(name) for name in frames], count)
    return root


class Reading(unittest.TestCase):
    def test_every_sample_is_read_with_all_its_calls(self):
        self.assertEqual(Counter(sample.thread for sample in SAMPLES), {"frontend": 6, "nng:task": 1, "workerd": 1})
        lines = [line for line in (Path(__file__).parent / "sample.txt").read_text().splitlines() if line.startswith("\t")]
        self.assertEqual(sum(len(sample.calls) * count for sample, count in SAMPLES.items()), len(lines))

    def test_samples_that_are_alike_are_counted(self):
        lines = ["frontend", "\t  1 a (/x)", "", "frontend", "\t  1 a (/x)", "", "router", "\t  1 a (/x)"]
        self.assertEqual(parsed(lines), {Sample("frontend", (Call("a", "/x"),)): 2, Sample("router", (Call("a", "/x"),)): 1})

    def test_a_symbol_may_have_spaces_and_parentheses(self):
        self.assertEqual(call("\t ab9 (anonymous namespace)::a (b)::c (/opt/a)"), Call("(anonymous namespace)::a (b)::c", "/opt/a"))

    def test_code_without_a_file_is_the_kernels_by_its_address(self):
        self.assertEqual(call("\tffffffff81000e46 [unknown] ([unknown])").object, "[kernel]")
        self.assertEqual(call("\t    55cea1e81ff0 [unknown] ([unknown])").object, "[unknown]")


class Naming(unittest.TestCase):
    CASES = [
        ("$s9EventLoop05EpollB0C3runyyF", PROGRAM, "EpollLoop.run()", Kind.OURS),
        ("$s15FrontendService13ActiveRequestC4next_5untilyAA8ArrivalsVz_12ClusterModel7InstantVtYaFTY0_", PROGRAM,
         "ActiveRequest.next(_:until:) async", Kind.OURS),
        ("$s13WorkerServiceAAC9EventLoop10StepReaderAacDP5steps8finished_yAC0E4SpanV_4Work_6OutputQZztFTW", PROGRAM,
         "WorkerService.steps(finished:_:)", Kind.OURS),
        ("$s9EventLoop10StepThreadC7receiveyyAA9InboxItemVFTf4dn_n", PROGRAM, "StepThread.receive(_:)", Kind.OURS),
        ("$sSa15FrontendServiceAA11PreparationVRszlE3runSayAA15PreparedRequestCGy13OpenAIDialect12DialectErrorVYKF", PROGRAM,
         "Array.run()", Kind.OURS),
        ("$sSa034_makeUniqueAndReserveCapacityIfNotB0yyFyXl_Ts5", PROGRAM, "Array._makeUniqueAndReserveCapacityIfNotUnique()", Kind.SWIFT),
        ("$s15FrontendService12ClientAnswerC5event2of6isBulk_yAA0D5ShareC_Sby13OpenAIDialect0D6Writer_pz_12ClusterModel10TokenUsageVSays5UInt8"
         "VGztXEtFyAPzXEfU_", PROGRAM, "ClientAnswer.event(of:isBulk:_:) closure 1", Kind.OURS),
        ("swift::RefCounts<swift::RefCountBitsT<(swift::RefCountInlinedness)1> >::incrementSlow", PROGRAM,
         "swift::RefCounts::incrementSlow", Kind.SWIFT),
        ("__swift_mutable_project_boxed_opaque_existential_1", PROGRAM, "__swift_mutable_project_boxed_opaque_existential_1", Kind.SWIFT),
        ("swift_retain", PROGRAM, "swift_retain", Kind.SWIFT),
        ("memcpy@plt", PROGRAM, "memcpy@plt", Kind.LIBRARY),
        ("withStatusRecordLock", PROGRAM, "withStatusRecordLock", Kind.SWIFT),
        ("[unknown]", PROGRAM, "frontend (no symbol)", Kind.OURS),
        ("objectdestroy.14Tm", PROGRAM, "objectdestroy.14Tm", Kind.OURS),
        ("XXH3_hashLong_64b_withSeed", PROGRAM, "XXH3_hashLong_64b_withSeed", Kind.LIBRARY),
        ("apus_send", PROGRAM, "apus_send", Kind.OURS),
        ("pthread_cond_wait@@GLIBC_2.3.2", LIBC, "pthread_cond_wait", Kind.LIBRARY),
        ("[unknown]", "/usr/lib/libnng.so.1.5.2", "libnng.so.1.5.2 (no symbol)", Kind.LIBRARY),
        ("finish_task_switch.isra.0", KERNEL, "finish_task_switch", Kind.KERNEL),
        ("__vdso_clock_gettime", "[vdso]", "__vdso_clock_gettime", Kind.LIBRARY),
    ]  # fmt: skip

    def test_names_and_kinds(self):
        names = Names({Call(symbol, file) for symbol, file, _, _ in self.CASES})
        for symbol, file, name, kind in self.CASES:
            self.assertEqual(names.frame(Call(symbol, file)), Frame(name, kind))

    def test_a_part_of_an_async_function_has_its_name(self):
        begin = "$s15FrontendService13ActiveRequestC4next_5untilyAA8ArrivalsVz_12ClusterModel7InstantVtYaF"
        part, other = Call(begin + "TY0_", PROGRAM), Call("$s9EventLoop6SignalC5pause5untily12ClusterModel7InstantV_tYaF", PROGRAM)
        names = Names({Call(begin, PROGRAM), part, other})
        self.assertEqual(names.frame(Call(begin, PROGRAM)), names.frame(part))
        self.assertEqual(names.frame(other).name, "Signal.pause(until:)")

    def test_the_compilers_words_go_and_the_function_comes_first(self):
        for simple, name in [
            ("specialized static EventBatch.apply(_:of:to:)", "static EventBatch.apply(_:of:to:)"),
            ("partial apply for closure #1 in FeedSubscriber.redialIfSilent()", "FeedSubscriber.redialIfSilent() closure 1"),
            ("merged partial apply for specialized Codec.append<A, B1>(_:)", "Codec.append(_:)"),
            ("closure #2 in $defer #1 () in implicit closure #3 in A.b(c:)", "A.b(c:) closure 3 defer 1 closure 2"),
            ("protocol witness for static WireRecord.read(from:) in conformance ParityProbe", "static ParityProbe.read(from:)"),
            ("static Int.< infix(_:_:)", "static Int.< infix(_:_:)"),
        ]:
            self.assertEqual(readable(simple), name)


class Folding(unittest.TestCase):
    def test_nothing_is_lost(self):
        root = folded("frontend", SAMPLES, NAMES)
        self.assertEqual(root.total, SAMPLES.total())
        self.assertEqual(sum(node.own for node, _ in root.walk()), SAMPLES.total())
        for node, _ in root.walk():
            self.assertEqual(node.total, node.own + sum(child.total for child in node.children.values()))

    def test_a_whole_stack_begins_in_our_main(self):
        for sample in SAMPLES:
            frames = path(sample, NAMES)
            if sample.thread != "nng:task" and sample.calls[-1].symbol == "_start":
                self.assertEqual([frame.name for frame in frames[:2]], [f"thread {sample.thread}", "ProcessMain.run(arguments:)"])

    def test_a_stack_that_was_cut_short_says_so(self):
        cut = [sample for sample in SAMPLES if CUT_SHORT in path(sample, NAMES)]
        self.assertEqual([sample.calls[-1].symbol[:20] for sample in cut], ["$s11HTTPServing12HTT"])
        self.assertIs(path(cut[0], NAMES)[1], CUT_SHORT)

    def test_forwarding_and_recursion_are_one_frame_and_the_way_into_the_kernel_is_none(self):
        waiting = next(sample for sample in SAMPLES if sample.thread == "nng:task")
        self.assertEqual(
            [frame.name for frame in path(waiting, NAMES)],
            ["thread nng:task", "libnng.so.1.5.2 (no symbol)", "pthread_cond_wait", "__futex_abstimed_wait_common"])
        sending = next(sample for sample in SAMPLES if sample.calls[0].symbol == "tcp_sendmsg_locked")
        self.assertEqual(
            [frame.name for frame in path(sending, NAMES)][-5:],
            ["apus_send", "__send", "__sys_sendto", "tcp_sendmsg", "tcp_sendmsg_locked"])

    def test_only_what_comes_before_a_main_is_left_out(self):
        main, begin, start = Call("frontend_main", PROGRAM), Call("__libc_start_main@@GLIBC_2.34", LIBC), Call("_start", PROGRAM)
        names = Names({main, begin, start})
        for calls, expected in [((main, begin, start), []), ((begin, main), ["caller unknown", "frontend_main", "__libc_start_main"])]:
            self.assertEqual([frame.name for frame in path(Sample("a", calls), names)], ["thread a", *expected])

    def test_what_worked_itself_has_a_frame_whatever_it_is(self):
        sample = Sample("frontend", (Call("do_syscall_64", KERNEL), Call("_start", PROGRAM)))
        self.assertEqual(path(sample, NAMES)[-1], Frame("do_syscall_64", Kind.KERNEL))


class Drawing(unittest.TestCase):
    SVG = "{http://www.w3.org/2000/svg}"

    def boxes(self, root):
        """Titles and places of the boxes above the head."""
        svg = XML.fromstring(drawing.picture(root, "about <it>"))
        self.assertEqual([node.tag for node in svg.iter() if "script" in node.tag], [])
        boxes = []
        for group in svg.iter(f"{self.SVG}g"):
            title, rect = group.find(f"{self.SVG}title"), group.find(f"{self.SVG}rect")
            if title is not None:
                boxes.append((title.text, *(float(rect.get(name)) for name in ("x", "y", "width"))))
        return boxes

    def test_each_box_stands_on_its_caller_and_beside_its_like(self):
        chance = random.Random(7)
        root = tree(([f"f{chance.randrange(4)}" for _ in range(chance.randrange(1, 9))], chance.randrange(1, 9)) for _ in range(500))
        levels = {}
        for _, x, y, width in self.boxes(root):
            levels.setdefault(y, []).append((x, x + width))
        ordered = [sorted(levels[y]) for y in sorted(levels, reverse=True)]
        self.assertGreater(len(ordered), 5)
        self.assertEqual({low - high for high, low in zip(sorted(levels), sorted(levels)[1:])}, {drawing.ROW})
        slack = 0.11  # of numbers with one digit behind the point
        for lower, upper in zip(ordered, ordered[1:]):
            for (_, end), (begin, _) in zip(upper, upper[1:]):
                self.assertLessEqual(end, begin + slack)
            for begin, end in upper:
                self.assertTrue(any(low <= begin + slack and end <= high + slack for low, high in lower))

    def test_a_box_is_as_wide_as_its_share_and_says_it(self):
        boxes = self.boxes(tree([(["a", "b"], 30), (["a"], 30), (["c<d>"], 40)]))
        self.assertEqual([title for title, *_ in boxes], [
            "frontend: 100.0 %, 100 samples", "a: 60.0 %, 60 samples; 30.0 % in itself", "b: 30.0 %, 30 samples; 30.0 % in itself",
            "c<d>: 40.0 %, 40 samples; 40.0 % in itself",
        ])  # fmt: skip
        self.assertEqual([round(width / boxes[0][3], 2) for *_, width in boxes], [1, 0.6, 0.3, 0.4])

    def test_what_is_too_small_is_merged(self):
        boxes = self.boxes(tree([(["large"], 9_000), *(([f"small {number}"], 1) for number in range(1_000))]))
        self.assertEqual([title for title, *_ in boxes[2:]], ["1000 smaller: 10.0 %, 1000 samples"])
        self.assertEqual(self.boxes(tree([(["large"], 9_999), (["small"], 1)]))[1:], self.boxes(tree([(["large"], 9_999), ([], 1)]))[1:])

    def test_a_picture_stays_small_however_many_stacks_there_are(self):
        chance = random.Random(11)
        names = [f"$Type{number}.method(with:and:_:)" * 2 for number in range(400)]
        root = tree(([chance.choice(names) for _ in range(5)] + names[:20], 1) for _ in range(4_000))
        self.assertLess(len(drawing.picture(root, "")), MOST_BYTES)

    def test_words_fit(self):
        name, share = "AttemptLegs.give(_:until:) async", "24.7 %"
        self.assertEqual(drawing.label(name, share, 400), "AttemptLegs.give(_:until:) async 24.7 %")
        self.assertEqual(drawing.label(name, share, 220), "AttemptLegs.give async 24.7 %")
        self.assertEqual(drawing.label(name, share, 160), "AttemptLegs.give async")
        self.assertEqual(drawing.label("libnng.so.1.5.2 (no symbol)", share, 200), "libnng.so.1.5.2 (no symbol)")
        for width in range(200):
            words = drawing.label(name, share, width)
            self.assertTrue(not words or len(words) * drawing.LETTER_WIDTH <= width - 2 * drawing.TEXT_INSET)

    def test_both_themes_have_every_colour(self):
        light, dark = drawing.style().split("prefers-color-scheme:dark")
        for kind in Kind:
            for theme, words in enumerate((light, dark)):
                self.assertIn(f".{kind.name.lower()} rect{{fill:{drawing.COLOURS[kind][theme]}}}", words)


class Tables(unittest.TestCase):
    def test_a_function_counts_once_a_sample_however_often_it_is_in_it(self):
        own, total = table.shares(tree([(["a", "b", "a"], 5), (["b"], 2)]))
        self.assertEqual((own[ours("a")], own[ours("b")], total[ours("a")], total[ours("b")]), (5, 2, 5, 7))

    def test_the_largest_come_first_and_the_rest_is_told(self):
        root = tree([([f"f{number}"], number) for number in range(1, 31)])
        lines = table.table(root, "about").splitlines()
        self.assertEqual([line.split()[-1] for line in lines[2:-1]], [f"f{number}" for number in range(30, 5, -1)])
        self.assertEqual(lines[-1].split(), ["3.2", "%", "5", "others"])


if __name__ == "__main__":
    unittest.main()
