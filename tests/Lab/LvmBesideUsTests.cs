using System.Globalization;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>Stock lvm2 in the same hosts: how long it takes for what we do, and what it says while we do it.</summary>
public class LvmBesideUsTests(ITestOutputHelper output)
{
    /// <summary>What lvs says when a volume grew between its look at the text and its look at the kernel's map, also when lvm2 made it grow:
    /// hosts of oVirt log it at extends.</summary>
    private const string Between = "WARNING: Cannot find matching striped segment for ";

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

        var device = await LabPool.DeviceAsync(node, volume);

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

    /// lvm2 takes no lock of ours, so it reads while texts and headers are being written. Whatever else it says on stderr counts.
    [Fact(Explicit = true)]
    public async Task Lvs_vgs_and_pvs_in_loops_on_every_host_say_nothing_beside_500_extends()
    {
        const int Extends = 500;
        await using var pool = await LabPool.CreateAsync(2);
        var (leader, other, _) = await pool.PartsAsync();
        var volume = await pool.CreateVolumeAsync(other, gibibytes: 8);
        await other.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        // The first one compiles what an extend needs, on both hosts, which takes seconds under emulation.
        await pool.ExtendAsync(other, volume, 256);
        var storms = pool.Nodes.Select(node => node.Host.RunAsync($$"""
            cd {{node.Host.Share}}
            while [ ! -e stop ]; do
                for verb in lvs vgs pvs; do
                    $verb >listed 2>said; code=$?
                    [ $code = 0 ] || echo "$verb: $code"
                    cat said
                    echo $verb >>ran
                done
            done
            """, TimeSpan.FromHours(1))).ToList();
        var ours = await LabExtends.RunAsync(pool, other, volume, Extends);
        foreach (var node in pool.Nodes)
        {
            await File.WriteAllTextAsync(Path.Combine(node.Host.Share, "stop"), "");
        }
        var said = (await Task.WhenAll(storms)).SelectMany(storm => storm.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .ToLookup(line => line.StartsWith(Between, StringComparison.Ordinal));
        var commands = pool.Nodes.Select(node => File.ReadAllLines(Path.Combine(node.Host.Share, "ran")).Length).ToList();
        output.WriteLine($"figure: {Extends} extends beside {string.Join(" and ", commands)} lvs, vgs and pvs on two hosts: median {Median(ours) * 1000:0} ms, slowest {ours.Max() * 1000:0} ms; "
            + $"{said[true].Count()} of them read the text before an extend and the kernel's map after it");
        Assert.All(commands, count => Assert.True(count >= 3));
        Assert.Empty(said[false]);
        await pool.ExtendAsync(other, volume, 256 + (8 * Extends) + 8);
        await other.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        await pool.VerifyAsync(leader);
    }

    private static double Median(IReadOnlyList<double> of) => of.Order().ElementAt(of.Count / 2);
}
