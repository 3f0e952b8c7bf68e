namespace OvirtSpm.LvmMetadata.Text;

/// <summary>One element of a parsed text, as offsets into its bytes. Nothing is copied, so nothing can be lost.</summary>
/// <remarks>
/// <code>
///  \n  key   =  value          \n  name  {  children  \n  }
///  ^   ^        ^    ^         ^   ^     ^            ^    ^
///  Lead Name    Body End       Lead Name  Body   Close End   (Body follows the brace, Close is the brace)
/// </code>
/// Lead is where the element before it ended: white space and comments belong to what follows them.
/// Links are indexes into the tree's node array; 0 (the root) means none.
/// </remarks>
internal struct ConfigNode
{
    public ConfigNodeKind Kind;
    public int Lead;
    public int Name;
    public int NameLength;
    public int Body;
    public int Close;
    public int End;
    public int FirstChild;
    public int Next;
}
