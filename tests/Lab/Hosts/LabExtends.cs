using System.Globalization;

namespace OvirtSpm.Lab.Hosts;

/// <summary>Extends of an active volume, one after the other, over one connection: what a guest's host does all day.</summary>
internal static class LabExtends
{
    /// <summary>8 MiB each. Prints code, whether the kernel's map has the new size, and microseconds from the request until it was seen to have it:
    /// the answer begins when it does, and bash takes its rest byte by byte. sed sends the request in one piece; bash would send it line by line, and
    /// all but the first would wait 40 ms for that to be acknowledged.</summary>
    private const string Client = """
        exec 3<>/dev/tcp/$address/$port || exit
        head="POST /v1/volumes/$volume/extend HTTP/1.1\r\nHost: spm\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n"
        exec 4> >(exec sed -u "s|.*|$head&|" >&3)
        size=/sys/dev/block/$((16#$(stat -L -c %t $device))):$((16#$(stat -L -c %T $device)))/size
        read -r sectors <$size
        for ((i = 0; i < count; i++)); do
            wanted=$((sectors + (8 << 11))) begun=${EPOCHREALTIME/./}
            printf '{"sizeBytes":%14d}\n' $((wanted << 9)) >&4
            read -r _ code _ <&3
            read -r sectors <$size
            took=$((${EPOCHREALTIME/./} - begun))
            while read -r line <&3 && [[ $line != $'\r' ]]; do :; done
            while read -r line <&3 && [[ $line != $'0\r' ]]; do :; done
            read -r line <&3
            echo "$code $((sectors == wanted)) $took"
        done
        """;

    /// <returns>Seconds from each request until the device was larger.</returns>
    public static async Task<IReadOnlyList<double>> RunAsync(LabPool pool, LabNode node, string volume, int count)
    {
        var device = await LabPool.DeviceAsync(node, volume);
        var script = Path.Combine(node.Host.Share, "extends.sh");
        await File.WriteAllTextAsync(script, $"address={node.Host.Address} port={LabNode.Port} device={device} volume={volume} count={count}\n{Client}\n");
        var lines = (await node.Host.DoAsync($"bash {script}", TimeSpan.FromHours(1))).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(count, lines.Length);
        Assert.All(lines, line => Assert.StartsWith("200 1 ", line));
        return [.. lines.Select(line => double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture) / 1e6)];
    }
}
