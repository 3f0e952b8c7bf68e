using System.Globalization;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>Stock lvm2 in the same hosts: how long it takes for what we do.</summary>
public class LvmBesideUsTests(ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public async Task An_extend_is_twenty_times_faster_than_lvextend_and_a_refresh()
    {
        const int Extends = 50;
        await using var pool = await LabPool.CreateAsync(1);
        var node = await pool.LeaderAsync();
        var volume = await pool.CreateVolumeAsync(node, gibibytes: 8);
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        // A node compiles what it runs often, again and better: a minute's work for an emulated processor. lvm2 is compiled.
        await LabExtends.RunAsync(pool, node, volume, 20 * Extends);
        var ours = await LabExtends.RunAsync(pool, node, volume, Extends);

        var device = await pool.DeviceAsync(node, volume);

        // The same volume, without a node beside it, and with nothing but the LUN to look at.
        await node.SignalAsync("KILL");
        var script = Path.Combine(node.Host.Share, "lvextend.sh");
        await File.WriteAllTextAsync(script, $$"""
            for ((i = 0; i < {{Extends}}; i++)); do
                begun=${EPOCHREALTIME/./}
                lvextend --devices /dev/sda -L +8m $1 >/dev/null && lvchange --devices /dev/sda --refresh $1 || exit
                echo $((${EPOCHREALTIME/./} - begun))
            done
            """);
        var stock = (await node.Host.DoAsync($"bash {script} {device}", TimeSpan.FromHours(1))).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => double.Parse(line, CultureInfo.InvariantCulture) / 1e6).ToList();
        Assert.Equal(Extends, stock.Count);

        var (median, theirs) = (Median(ours), Median(stock));
        output.WriteLine($"figure: {Extends} extends in one virtual host, request until the device is larger: median {median * 1000:0.0} ms (slowest {ours.Max() * 1000:0} ms); "
            + $"lvextend and lvchange --refresh: {theirs * 1000:0} ms (slowest {stock.Max() * 1000:0} ms): {theirs / median:0.0} times faster");
        Assert.True(theirs >= 20 * median, $"{theirs / median:0.0}");
    }

    private static double Median(IReadOnlyList<double> of) => of.Order().ElementAt(of.Count / 2);
}
