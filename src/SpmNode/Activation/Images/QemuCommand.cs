using System.Diagnostics;
using System.Globalization;
using System.Text;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>Runs one qemu-img to its end.</summary>
static class QemuCommand
{
    /// <summary>128 and SIGINT.</summary>
    const int Interrupted = 128 + 2;

    /// <summary>What it prints on its standard output.</summary>
    /// <param name="alsoGood">An exit code that says no more than that something was found.</param>
    /// <param name="what">For people: what was being done to which volume.</param>
    public static async Task<string> RunAsync(string what, IEnumerable<string> arguments, IProgress<double>? progress, CancellationToken stop, int alsoGood = 0)
    {
        using var process = Start(arguments);
        var complaint = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var output = ReadAsync(process.StandardOutput, progress);
        try
        {
            await process.WaitForExitAsync(stop);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        if (process.ExitCode == Interrupted)
        {
            // Ctrl-C reaches every program of a terminal, this one perhaps later.
            throw new OperationCanceledException($"{what} was interrupted");
        }
        return process.ExitCode == 0 || process.ExitCode == alsoGood
            ? await output
            : throw Refusal.Unavailable($"{what} failed in qemu-img: {(await complaint).Trim()}");
    }

    static Process Start(IEnumerable<string> arguments) => QemuProcess.Start(
        "qemu-img", arguments, "qemu-img is not installed; it makes and changes the qcow2 images of thin volumes. Install qemu-utils, or use raw volumes.");

    /// <summary>With -p it draws "    (12.34/100%)" and a carriage return, again and again.</summary>
    static async Task<string> ReadAsync(StreamReader reader, IProgress<double>? progress)
    {
        if (progress is null)
        {
            return await reader.ReadToEndAsync();
        }
        var text = new StringBuilder();
        var buffer = new char[256];
        while (await reader.ReadAsync(buffer) is > 0 and var read)
        {
            text.Append(buffer, 0, read);
            var drawn = text.ToString().Split('\r')[^1];
            if (drawn.IndexOf('(', StringComparison.Ordinal) is >= 0 and var from && drawn.IndexOf('/', from) is > 0 and var to
                && double.TryParse(drawn[(from + 1)..to], NumberStyles.Float, CultureInfo.InvariantCulture, out var percent))
            {
                progress.Report(percent / 100);
                text.Clear();
            }
        }
        return text.ToString();
    }
}
