using System.Diagnostics.Metrics;
using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Node.Dashboard;

namespace OvirtSpm.Node.Tests.Dashboard;

public sealed class MetricsCollectorTests : IDisposable
{
    readonly Meter meter = new("test");
    readonly MetricsCollector collector;

    public MetricsCollectorTests() => collector = new MetricsCollector(meter);

    public void Dispose()
    {
        collector.Dispose();
        meter.Dispose();
    }

    ExpositionReader.Page Page() => ExpositionReader.Read(collector.Collect());

    [Fact]
    public void A_page_is_written_exactly_as_the_format_says()
    {
        meter.CreateCounter<long>("spm_b", null, "Counts\nthings \\ others.").Add(3, new KeyValuePair<string, object?>("outcome", "a \"b\" \\ c\nd"));
        var histogram = meter.CreateHistogram("spm_a_seconds", "s", "", null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.5, 2] });
        histogram.Record(0.5);
        histogram.Record(0.75);
        histogram.Record(9);

        Assert.Equal("""
            # TYPE spm_a_seconds histogram
            spm_a_seconds_bucket{le="0.5"} 1
            spm_a_seconds_bucket{le="2"} 2
            spm_a_seconds_bucket{le="+Inf"} 3
            spm_a_seconds_sum 10.25
            spm_a_seconds_count 3
            # HELP spm_b_total Counts\nthings \\ others.
            # TYPE spm_b_total counter
            spm_b_total{outcome="a \"b\" \\ c\nd"} 3

            """.ReplaceLineEndings("\n"), collector.Collect());
    }

    [Fact]
    public void Any_label_value_comes_back_unchanged() =>
        Prop.ForAll<NonNull<string>>(text =>
        {
            var value = text.Get.Replace('\r', ' ');
            using var other = new Meter("other");
            using var reader = new MetricsCollector(other);
            other.CreateCounter<int>("x").Add(1, new KeyValuePair<string, object?>("tag", value));
            return ExpositionReader.Read(reader.Collect()).Value("x_total", ("tag", value)) == 1;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Any_instrument_and_tag_name_gives_a_page_that_can_be_read() =>
        Prop.ForAll<NonNull<string>, NonNull<string>, NonNull<string>>((name, tag, second) =>
        {
            using var other = new Meter("other");
            using var reader = new MetricsCollector(other);
            other.CreateHistogram<double>(name.Get).Record(1, new(tag.Get, "1"), new(second.Get, "2"), new("le", "3"));
            return ExpositionReader.Read(reader.Collect()).Samples.Count == 14;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Buckets_are_cumulative_and_agree_with_a_plain_count() =>
        Prop.ForAll<NormalFloat[]>(floats =>
        {
            double[] bounds = [-1, 0, 0.5, 10];
            using var other = new Meter("other");
            using var reader = new MetricsCollector(other);
            var histogram = other.CreateHistogram("h", null, null, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
            foreach (var value in floats)
            {
                histogram.Record(value.Get);
            }

            var page = ExpositionReader.Read(reader.Collect());
            return floats.Length == 0
                ? page.Samples.Count == 0
                : bounds.All(bound => page.Value("h_bucket", ("le", FormattableString.Invariant($"{bound}"))) == floats.Count(value => value.Get <= bound))
                    && page.Value("h_bucket", ("le", "+Inf")) == floats.Length && page.Value("h_count") == floats.Length;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Tags_in_another_order_are_the_same_series_and_series_are_sorted()
    {
        var counter = meter.CreateCounter<long>("c");
        counter.Add(1, new("b", "2"), new("a", "1"));
        counter.Add(1, new("a", "1"), new("b", "2"));
        counter.Add(5, new KeyValuePair<string, object?>("a", "0"));

        var page = Page();

        Assert.Equal(2, page.Value("c_total", ("a", "1"), ("b", "2")));
        Assert.Equal(["0", "1"], page.Samples.Select(sample => sample.Labels["a"]));
        Assert.Equal(collector.Collect(), collector.Collect());
    }

    [Fact]
    public void A_counter_that_has_not_counted_yet_is_zero()
    {
        meter.CreateCounter<long>("spm_quiet_total");
        Assert.Equal(0, Page().Value("spm_quiet_total"));
    }

    [Fact]
    public void An_observed_series_that_is_not_reported_any_more_disappears()
    {
        Measurement<long>[] now = [new(1, new KeyValuePair<string, object?>("disk", "a")), new(2, new KeyValuePair<string, object?>("disk", "b"))];
        meter.CreateObservableGauge("g", () => now);
        Assert.Equal(2, Page().Value("g", ("disk", "b")));

        now = [new(7, new KeyValuePair<string, object?>("disk", "a"))];

        Assert.Equal(7, Assert.Single(Page().Samples).Value);
    }

    [Fact]
    public void A_gauge_that_cannot_be_read_costs_only_itself_and_says_why()
    {
        meter.CreateObservableGauge("good", () => 1);
        meter.CreateObservableGauge("bad", int () => throw new IOException("the disk\nis gone"));
        meter.CreateObservableGauge("last", () => 2.5);

        var text = collector.Collect();

        Assert.Contains("# a reading failed and is not shown: the disk is gone\n", text);
        Assert.Equal(["good", "last"], ExpositionReader.Read(text).Samples.Select(sample => sample.Name));
    }

    [Fact]
    public void Every_kind_and_number_type_is_shown()
    {
        meter.CreateCounter<byte>("n_byte").Add(1);
        meter.CreateCounter<short>("n_short").Add(2);
        meter.CreateCounter<int>("n_int").Add(3);
        meter.CreateCounter<float>("n_float").Add(4.5f);
        meter.CreateCounter<decimal>("n_decimal").Add(5.5m);
        meter.CreateObservableCounter("n_seen", () => 6L);
        var level = meter.CreateUpDownCounter<int>("n_level");
        level.Add(9);
        level.Add(-2);
        meter.CreateObservableUpDownCounter("n_depth", () => 8);
        meter.CreateGauge<double>("n_gauge").Record(double.NegativeInfinity);

        var page = Page();

        Assert.Equal([1, 2, 3, 4.5, 5.5, 6], new[] { "byte", "short", "int", "float", "decimal", "seen" }.Select(name => page.Value($"n_{name}_total")));
        Assert.Equal([7, 8, double.NegativeInfinity], new[] { "level", "depth", "gauge" }.Select(name => page.Value($"n_{name}")));
        Assert.Equal("gauge", page.Types["n_level"]);
    }

    [Fact]
    public void Two_instruments_whose_names_become_one_do_not_void_the_page()
    {
        meter.CreateCounter<int>("a.b").Add(1);
        meter.CreateCounter<int>("a_b").Add(2);
        Assert.Equal(1, Page().Value("a_b_total"));
    }

    [Fact]
    public void A_value_that_is_not_a_number_does_not_spoil_a_sum()
    {
        var histogram = meter.CreateHistogram<double>("h");
        histogram.Record(double.NaN);
        histogram.Record(double.PositiveInfinity);
        histogram.Record(2);
        Assert.Equal(2, Page().Value("h_sum"));
        Assert.Equal(1, Page().Value("h_count"));
    }

    [Fact]
    public void A_tag_with_endless_values_does_not_eat_the_memory()
    {
        var counter = meter.CreateCounter<long>("c");
        for (var i = 0; i < 5000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        var page = Page();

        Assert.Equal(InstrumentTally.SeriesLimit + 1, page.Samples.Count);
        Assert.Equal(4000, page.Value("c_total", ("overflow", "true")));
        Assert.Equal(5000, page.Samples.Sum(sample => sample.Value));
    }

    [Fact]
    public void Nothing_is_lost_when_many_threads_record_while_others_read()
    {
        var counter = meter.CreateCounter<long>("c");
        var histogram = meter.CreateHistogram<double>("h");
        meter.CreateObservableGauge("g", () => new[] { new Measurement<int>(1), new Measurement<int>(2, new KeyValuePair<string, object?>("t", 1)) });
        Parallel.For(0, 8, thread =>
        {
            for (var i = 0; i < 2000; i++)
            {
                counter.Add(1, new KeyValuePair<string, object?>("outcome", i % 3));
                histogram.Record(i % 7);
                if (i % 200 == 0)
                {
                    var page = ExpositionReader.Read(collector.Collect());
                    Assert.Equal(2, page.Samples.Count(sample => sample.Name == "g"));
                    Assert.True(page.Value("h_bucket", ("le", "+Inf")) == page.Value("h_count"));
                }
            }
        });

        var end = Page();
        Assert.Equal(16000, end.Samples.Where(sample => sample.Name == "c_total").Sum(sample => sample.Value));
        Assert.Equal(16000, end.Value("h_count"));
    }
}
