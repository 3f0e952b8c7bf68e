using System.Globalization;

namespace OvirtSpm.Simulation.Campaigns;

/// <summary>What `simulate` was asked for.</summary>
internal sealed record SimulateOptions(ulong Seed, int Seeds, int Hosts, bool Trace)
{
    public const string Usage = """
        spm simulate [--seeds N] [--seed S] [--hosts H] [--trace]
          whole nodes on a virtual disk, clock and network: half an hour of faults for each seed, checked after every event
          --seeds N   how many seeds (1000)
          --seed S    the first one (1)
          --hosts H   hosts in each world, 2 to 8 (3)
          --trace     print everything that happens; for one seed
        """;

    /// <returns>Null when the arguments make no sense.</returns>
    public static SimulateOptions? Parse(IReadOnlyList<string> args)
    {
        var options = new SimulateOptions(1, 1000, 3, false);
        for (var i = 0; i < args.Count; i++)
        {
            var number = i + 1 < args.Count && ulong.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : (ulong?)null;
            switch (args[i])
            {
                case "--trace":
                    options = options with { Trace = true };
                    continue;
                case "--seeds" when number is > 0 and <= 100_000_000:
                    options = options with { Seeds = (int)number };
                    break;
                case "--seed" when number is not null:
                    options = options with { Seed = number.Value };
                    break;
                case "--hosts" when number is >= 2 and <= 8:
                    options = options with { Hosts = (int)number };
                    break;
                default:
                    return null;
            }

            i++;
        }

        return options;
    }
}
