// The registry of the image. Private endpoints need its dearest tier.
param name string
param location string

@description('Who may fetch images: the machines of the cluster.')
param pullerPrincipalId string

var pull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  sku: {
    name: 'Premium'
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: 'Disabled'
    // Lets `az acr import` in.
    networkRuleBypassOptions: 'AzureServices'
  }
}

resource fetch 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, pullerPrincipalId, pull)
  scope: registry
  properties: {
    principalId: pullerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', pull)
  }
}

output registryId string = registry.id
output registryName string = registry.name
output registryServer string = registry.properties.loginServer
