namespace OvirtSpm.Node.Demo;

/// <summary>The last words of a child, for the message about its end.</summary>
static class LogTail
{
    const int LongestBytes = 1500;

    public static string Of(string path)
    {
        try
        {
            using var log = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            log.Seek(-Math.Min(log.Length, LongestBytes), SeekOrigin.End);
            using var reader = new StreamReader(log);
            return reader.ReadToEnd().Trim() is { Length: > 0 } said ? said : "it said nothing";
        }
        catch (IOException)
        {
            return "it left no log";
        }
    }
}
