import Testing

@testable import LoadGeneration

@Suite struct NumberTests {
    @Test(
        "durations have three digits and the unit that fits",
        arguments: [
            (0, "0"), (812, "0.812 µs"), (1_250_000, "1.25 ms"), (999_499, "999 µs"), (999_600, "1.00 ms"),
            (37_600_000_000, "37.6 s"),
            (599_000_000_000, "599 s"), (744_000_000_000, "12.4 min"), (9_000_000_000_000, "2.50 h"), (-5_000_000, "-5.00 ms"),
            (4_800, "4.80 µs"),
        ] as [(Int64, String)])
    func durations(nanoseconds: Int64, text: String) { #expect(Duration.nanoseconds(nanoseconds).shortText == text) }

    @Test(
        "decimal digits are rounded, and what is no number is a dash",
        arguments: [
            (0.0123, "0.0123"), (1.254, "1.25"), (9.996, "10.0"), (99.94, "99.9"), (99.96, "100"), (812.4, "812"), (0, "0"), (.nan, "–"),
            (.infinity, "–"), (-37.62, "-37.6"),
        ] as [(Double, String)])
    func digits(value: Double, text: String) { #expect(value.threeDigits == text) }

    @Test("a fixed number of digits keeps its zeros and loses a sign that says nothing")
    func fixed() {
        #expect(3.005.fixed(2) == "3.00" || 3.005.fixed(2) == "3.01")
        #expect(0.05.fixed(3) == "0.050")
        #expect((-0.001).fixed(1) == "0.0")
        #expect((-1.25).fixed(1) == "-1.3")
        #expect(1e300.fixed(2) == "1e+300")
        #expect(7.0.fixed(0) == "7")
    }

    @Test("thousands are set apart, shares are percent, ticks carry no zeros")
    func styles() {
        #expect(UInt64(12_031).grouped == "12,031" && UInt64(999).grouped == "999" && UInt64.max.grouped == "18,446,744,073,709,551,615")
        #expect(
            NumberStyle.share.text(0.3664) == "36.6 %" && NumberStyle.share.text(0.0017) == "0.17 %"
                && NumberStyle.share.text(1.0) == "100.0 %")
        #expect(NumberStyle.plain.text(14_200.4) == "14,200" && NumberStyle.rate.text(47.04) == "47.0/s")
        #expect(NumberStyle.duration.tick(2) == "2 s" && NumberStyle.share.tick(0.25) == "25 %" && NumberStyle.plain.tick(12_000) == "12k")
        #expect(NumberStyle.plain.text(Double?.none) == "–" && NumberStyle.duration.text(.infinity) == "–")
    }
}
